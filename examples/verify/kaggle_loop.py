"""A loop as in many a notebook of a competition: one seed for everything, a checkpoint after each epoch.

::

    python kaggle_loop.py --out runs/kaggle
"""

import argparse
import os
import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset


class CFG:
    seed = 42
    epochs = 3
    batch_size = 96
    num_workers = 2
    lr = 2e-3


def seed_everything(seed):
    random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


class DigitsDataset(Dataset):
    def __init__(self, images, labels, train):
        self.images = images
        self.labels = labels
        self.train = train

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index].astype(np.float32) / 16.0
        if self.train:
            if random.random() < 0.5:
                image = np.roll(image, random.choice([-1, 1]), axis=random.choice([0, 1]))
            image = image + np.random.normal(0.0, 0.05, image.shape)
        return torch.tensor(image, dtype=torch.float32).unsqueeze(0), int(self.labels[index])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(16 * 4 * 4, 10))

    def forward(self, x):
        return self.head(self.features(x))


def train_one_epoch(model, loader, optimizer, criterion):
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def validate(model, loader):
    model.eval()
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    return right / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="output")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    checkpoint = os.path.join(args.out, "checkpoint.pth")
    seed_everything(CFG.seed)

    digits = load_digits()
    x_train, x_valid, y_train, y_valid = train_test_split(
        digits.images, digits.target, test_size=0.2, stratify=digits.target, random_state=CFG.seed
    )
    train_loader = DataLoader(
        DigitsDataset(x_train, y_train, train=True),
        batch_size=CFG.batch_size,
        shuffle=True,
        num_workers=CFG.num_workers,
        drop_last=True,
    )
    valid_loader = DataLoader(DigitsDataset(x_valid, y_valid, train=False), batch_size=CFG.batch_size)

    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=CFG.lr)
    criterion = nn.CrossEntropyLoss()

    start_epoch = 0
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start_epoch = state["epoch"] + 1
        print(f"resuming from epoch {start_epoch}")

    for epoch in range(start_epoch, CFG.epochs):
        loss = train_one_epoch(model, train_loader, optimizer, criterion)
        accuracy = validate(model, valid_loader)
        print(f"epoch {epoch}  loss {loss:.4f}  accuracy {accuracy:.4f}")
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, checkpoint)


if __name__ == "__main__":
    main()
