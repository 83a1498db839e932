"""Ways to draw, each a function with the line that draws marked by ``# draws from SOURCE``; for tests of who draws."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pandas as pd
import scipy.stats
import torch
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

PRIVATE = np.random.default_rng(0)


def from_python() -> None:
    values = [3, 1, 2]
    random.shuffle(values)  # draws from python
    values.sort()


def from_python_gauss() -> None:
    random.gauss(0, 1)  # draws from python
    int("1")


def from_numpy() -> None:
    np.random.rand(3)  # draws from numpy
    np.zeros(3)


def from_cached_gaussian_of_numpy() -> None:
    np.random.randn()  # draws from numpy
    np.zeros(3)
    np.random.randn()  # draws from numpy


def from_sklearn() -> None:
    data = np.arange(10)
    train_test_split(data)  # draws from numpy
    data.sum()


def from_scipy() -> None:
    scipy.stats.norm.rvs(size=3)  # draws from numpy


def from_pandas() -> None:
    frame = pd.DataFrame({"a": range(5)})
    frame.sample(2)  # draws from numpy


def from_raw_bit_generator() -> None:
    generator = np.random.get_bit_generator()
    generator.random_raw(2)  # draws from numpy


def from_c_function() -> None:
    interface = np.random.get_bit_generator().ctypes
    interface.next_double(interface.state)  # draws from numpy


def from_torch() -> None:
    torch.randn(3, 4)  # draws from torch.cpu
    torch.zeros(3)


def from_dropout() -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(0.5))
    model(torch.ones(4))  # draws from torch.cpu


def from_forward() -> None:
    class Noisy(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            mask = torch.rand_like(inputs)  # draws from torch.cpu
            return inputs * mask

    Noisy()(torch.ones(4))


def from_loader() -> None:
    loader = DataLoader(TensorDataset(torch.arange(4)), batch_size=4)
    for _ in loader:  # draws from torch.cpu
        pass


def from_item() -> None:
    class Items(torch.utils.data.Dataset[int]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> int:
            if index == 1:
                random.random()  # draws from python
            return index

    items = Items()
    for batch in map(list, [[items[0]], [items[1]]]):
        batch.clear()


def from_lambda() -> None:
    jitter = lambda x: x + random.random()  # noqa: E731  # draws from python
    jitter(1)


def from_comprehension() -> None:
    [random.random() for _ in range(2)]  # draws from python


def from_generator() -> None:
    def numbers() -> Iterator[float]:
        yield 1.0
        yield random.random()  # draws from python

    sum(numbers())


def from_hook() -> None:
    def noise(gradient: torch.Tensor) -> torch.Tensor:
        return gradient + torch.rand(())  # draws from torch.cpu

    weight = torch.ones(3, requires_grad=True)
    weight.register_hook(noise)
    (weight * 2).sum().backward()


def from_global_private() -> None:
    assert PRIVATE is not None
    PRIVATE.random()  # draws from drawing.PRIVATE


def from_local_private() -> None:
    rng = random.Random(5)
    rng.random()  # draws from from_local_private.rng


def from_attribute() -> None:
    class Jitter:
        def __init__(self) -> None:
            self.rng = torch.Generator().manual_seed(1)

        def draw(self) -> torch.Tensor:
            return torch.rand((), generator=self.rng)  # draws from from_attribute.<locals>.Jitter.draw.self.rng

    Jitter().draw()


def from_raised() -> None:
    def failing() -> None:
        raise ValueError(random.random())  # draws from python

    with suppress(ValueError):
        failing()


WAYS = [way for name, way in globals().copy().items() if name.startswith("from_")]
