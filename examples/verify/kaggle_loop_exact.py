"""The loop of ``kaggle_loop.py``, changed as ``samerun verify`` advises; it is the same run in every scenario.

- Order and augmentation of the data are keyed by epoch and place: :class:`samerun.DataLoader`.
- Dropout draws from a stream that nothing else draws from, and that is saved.
- A checkpoint gets its name when all of it is written.
- One thread, so that another machine adds in the same order.
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

import samerun


class CFG:
    seed = 42
    epochs = 3
    batch_size = 96
    num_workers = 2
    lr = 2e-3


def seed_everything(seed):
    random.seed(seed)
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


def train_one_epoch(model, loader, optimizer, criterion, stream):
    model.train()
    total = 0.0
    for images, labels in loader:
        with stream:
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
    samerun.deterministic(threads=1)
    seed_everything(CFG.seed)

    digits = load_digits()
    x_train, x_valid, y_train, y_valid = train_test_split(
        digits.images, digits.target, test_size=0.2, stratify=digits.target, random_state=CFG.seed
    )
    train_loader = samerun.DataLoader(
        DigitsDataset(x_train, y_train, train=True),
        batch_size=CFG.batch_size,
        shuffle=True,
        num_workers=CFG.num_workers,
        drop_last=True,
        seed=CFG.seed,
    )
    valid_loader = DataLoader(DigitsDataset(x_valid, y_valid, train=False), batch_size=CFG.batch_size)

    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=CFG.lr)
    criterion = nn.CrossEntropyLoss()
    stream = samerun.Stream(CFG.seed)

    start_epoch = 0
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        train_loader.load_state_dict(state["loader"])
        stream.load_state_dict(state["stream"])
        start_epoch = state["epoch"] + 1
        print(f"resuming from epoch {start_epoch}")

    for epoch in range(start_epoch, CFG.epochs):
        loss = train_one_epoch(model, train_loader, optimizer, criterion, stream)
        accuracy = validate(model, valid_loader)
        print(f"epoch {epoch}  loss {loss:.4f}  accuracy {accuracy:.4f}")
        state = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "loader": train_loader.state_dict(),
            "stream": stream.state_dict(),
            "epoch": epoch,
        }
        torch.save(state, checkpoint + ".tmp")
        os.replace(checkpoint + ".tmp", checkpoint)


if __name__ == "__main__":
    main()
