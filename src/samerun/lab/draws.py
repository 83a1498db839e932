"""A dataset whose items are nothing but their index and what was drawn for them."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch.utils.data import Dataset

__all__ = ["GlobalDraws", "PrivateDraws"]


class GlobalDraws(Dataset[torch.Tensor]):
    """Items that draw from the global generators of all three libraries.

    Each is ``float64[4]``: the index, and a number in [0, 1) from Python's, NumPy's and torch's generator.
    """

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> torch.Tensor:
        drawn = random.random(), float(np.random.random()), float(torch.rand((), dtype=torch.float64))
        return torch.tensor([index, *drawn], dtype=torch.float64)


class PrivateDraws(GlobalDraws):
    """Items that draw from a generator of the dataset's own, as many transforms do.

    Each is ``float64[2]``: the index, and a number in [0, 1).
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.rng = np.random.default_rng(7)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([index, self.rng.random()], dtype=torch.float64)
