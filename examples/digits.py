"""Train a small network on scikit-learn's digits; kill it at any moment and start it again: it is the same run.

::

    python examples/digits.py --dir runs/digits
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

import samerun
from samerun.state import fingerprint


class Digits(Dataset[tuple[torch.Tensor, int]]):
    """The 1,797 digits of 8 x 8 pixels that scikit-learn ships, shifted and blurred at random."""

    def __init__(self) -> None:
        digits = load_digits()
        self.images = (digits.images / 16.0).astype(np.float32)
        self.labels = digits.target.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = self.images[index]
        if random.random() < 0.5:
            image = np.roll(image, random.choice((-1, 1)), axis=random.randrange(2))
        image = image + np.random.normal(0.0, 0.05, image.shape).astype(np.float32)
        return torch.from_numpy(image.astype(np.float32)).unsqueeze(0), self.labels[index]


def make_model() -> nn.Module:
    """Return a CNN with batch norm and dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(16 * 4 * 4, 10),
    )


@torch.no_grad()
def accuracy(model: nn.Module, digits: Digits) -> float:
    """Return the part of the digits, as they are, that the model gets right."""
    model.eval()
    found = model(torch.from_numpy(digits.images).unsqueeze(1)).argmax(1)
    model.train()
    return (found == torch.tensor(digits.labels)).double().mean().item()


def train(directory: Path, epochs: int, workers: int, save_every: int) -> None:
    """Train, and print fingerprints of what came out."""
    samerun.deterministic(threads=1)  # the same bits need the same arithmetic

    run = samerun.Run(directory, seed=42, save_every=save_every)
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    digits = Digits()
    loader = DataLoader(digits, batch_size=64, shuffle=True, num_workers=workers)
    run.track(model=model, optimizer=optimizer, scheduler=scheduler, loader=loader)

    print("from step", run.step, flush=True)
    for epoch in run.epochs(epochs):
        for images, labels in run.batches(loader):
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss)
        scheduler.step()
        right = accuracy(model, digits)
        run.log(accuracy=right)
        print(f"epoch {epoch} accuracy {right:.4f}", flush=True)

    print("model", fingerprint(dict(model.state_dict())))
    print("optimizer", fingerprint(optimizer.state_dict()))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train on digits; kill it, start it again, and it is the same run.")
    parser.add_argument("--dir", type=Path, default=Path("runs/digits"), help="of the run [%(default)s]")
    parser.add_argument("--epochs", type=int, default=5, help="[%(default)s]")
    parser.add_argument("--workers", type=int, default=0, help="that load data; any number is the same run [0]")
    parser.add_argument("--save-every", type=int, default=10, metavar="STEPS", help="[%(default)s]")
    options = parser.parse_args()
    train(options.dir, options.epochs, options.workers, options.save_every)


if __name__ == "__main__":
    main()
