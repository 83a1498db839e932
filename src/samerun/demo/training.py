"""An ordinary training as anybody would write it: digits, augmentation, a small CNN, Adam, a schedule.

Nothing here knows about samerun. It draws from all three libraries: the order of the samples and dropout from torch,
the augmentation from Python, NumPy and torch.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

__all__ = ["Training", "train_epoch"]


class Digits(Dataset[tuple[torch.Tensor, int]]):
    """The 1,797 handwritten digits of 8 x 8 pixels that scikit-learn ships (UCI ML hand-written digits, test set)."""

    def __init__(self) -> None:
        digits = load_digits()
        self.images = (digits.images / 16.0).astype(np.float32)
        self.labels = digits.target.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = self.images[index]
        if random.random() < 0.5:  # shift by a pixel
            image = np.roll(image, random.choice((-1, 1)), axis=random.randrange(2))
        image = image + np.random.normal(0.0, 0.05, image.shape).astype(np.float32)
        pixels = torch.from_numpy(image)
        row, column = torch.randint(0, 7, (2,)).tolist()  # cut out 2 x 2 pixels
        pixels[row : row + 2, column : column + 2] = 0.0
        return pixels.unsqueeze(0), self.labels[index]


def make_model() -> nn.Module:
    """Return a CNN with batch norm and dropout; 9,850 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(16 * 4 * 4, 32),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(32, 10),
    )


@dataclass
class Training:
    """All that a training loop holds."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    loader: DataLoader[tuple[torch.Tensor, int]]

    @classmethod
    def make(cls, epochs: int, loader: type[DataLoader[Any]], **workers: Any) -> Training:
        """Build model, optimizer, schedule and a loader of the given class for a run of that many epochs."""
        model = make_model()
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        return cls(model, optimizer, scheduler, loader(Digits(), batch_size=64, shuffle=True, **workers))


def train_epoch(training: Training, batches: Iterable[Any]) -> Iterator[tuple[torch.Tensor, float]]:
    """Train for one epoch of batches; yield each batch of images with its loss after the step was taken."""
    training.model.train()
    for images, labels in batches:
        loss = nn.functional.cross_entropy(training.model(images), labels)
        training.optimizer.zero_grad()
        loss.backward()
        training.optimizer.step()
        yield images, loss.item()
    training.scheduler.step()
