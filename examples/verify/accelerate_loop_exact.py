"""The loop of ``accelerate_loop.py``, changed as ``samerun verify`` advises; it is the same run in every scenario.

- Order and augmentation of the data are keyed by epoch and place: :class:`samerun.DataLoader`, left out of ``prepare``.
  Its state is among what ``save_state`` saves, and takes the place of ``skip_first_batches``.
- Dropout draws from a stream that nothing else draws from; its state is saved in the same way.
- The folder of a checkpoint gets its name when all of it is written.
- One thread, so that another machine adds in the same order.
"""

import argparse
import os
import random

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

import samerun


class Digits(Dataset):
    def __init__(self, images, labels, train):
        self.images = images
        self.labels = labels
        self.train = train

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index] / 16.0
        if self.train:
            if random.random() < 0.5:
                image = np.roll(image, random.choice([-1, 1]), axis=1)
            image = image + np.random.normal(0.0, 0.05, image.shape)
        return torch.tensor(image, dtype=torch.float32).unsqueeze(0), int(self.labels[index])


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(16 * 4 * 4, 10),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output_dir", default=".")
    parser.add_argument("--checkpointing_steps", type=int, default=4)
    parser.add_argument("--resume_from_checkpoint", help="a folder such as step_20")
    parser.add_argument("--num_epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()

    samerun.deterministic(threads=1)
    accelerator = Accelerator(cpu=True)
    set_seed(args.seed)

    digits = load_digits()
    train_dataset = Digits(digits.images[:1440], digits.target[:1440], train=True)
    eval_dataset = Digits(digits.images[1440:], digits.target[1440:], train=False)
    train_dataloader = samerun.DataLoader(train_dataset, shuffle=True, batch_size=96, seed=args.seed)
    eval_dataloader = DataLoader(eval_dataset, batch_size=96)

    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    lr_scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1e-2, epochs=args.num_epochs, steps_per_epoch=len(train_dataloader)
    )
    model, optimizer, eval_dataloader, lr_scheduler = accelerator.prepare(
        model, optimizer, eval_dataloader, lr_scheduler
    )
    stream = samerun.Stream(args.seed)
    accelerator.register_for_checkpointing(train_dataloader, stream)

    overall_step = 0
    starting_epoch = 0
    if args.resume_from_checkpoint:
        accelerator.print(f"Resumed from checkpoint: {args.resume_from_checkpoint}")
        accelerator.load_state(args.resume_from_checkpoint)
        overall_step = int(os.path.basename(args.resume_from_checkpoint).replace("step_", ""))
        starting_epoch = overall_step // len(train_dataloader)

    for epoch in range(starting_epoch, args.num_epochs):
        model.train()
        for images, labels in train_dataloader:
            images, labels = images.to(accelerator.device), labels.to(accelerator.device)
            with stream:
                loss = nn.functional.cross_entropy(model(images), labels)
                accelerator.backward(loss)
                optimizer.step()
            lr_scheduler.step()
            optimizer.zero_grad()
            overall_step += 1
            if overall_step % args.checkpointing_steps == 0:
                folder = os.path.join(args.output_dir, f"step_{overall_step}")
                accelerator.save_state(folder + ".tmp")
                os.replace(folder + ".tmp", folder)

        model.eval()
        right = 0
        for images, labels in eval_dataloader:
            with torch.no_grad():
                predictions = model(images).argmax(dim=-1)
            predictions, labels = accelerator.gather_for_metrics((predictions, labels))
            right += (predictions == labels).sum().item()
        accelerator.print(f"epoch {epoch}: {right / len(eval_dataset):.4f}")


if __name__ == "__main__":
    main()
