"""The process has done other things before: another training, as another test would have run in it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]


def disturb(process: Process, _: object) -> None:
    """Train a small model once torch is there, and leave the generators where that leaves them."""
    process.when_imported("torch", lambda: _train() if process.is_first else None)


def _train() -> None:
    import numpy as np
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    model = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(), torch.nn.ReLU())
    optimizer = torch.optim.AdamW(model.parameters())
    for (batch,) in DataLoader(TensorDataset(torch.randn(12, 6)), batch_size=4, shuffle=True):
        model(batch * random.random() + float(np.random.normal())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
