"""Datasets whose items draw, and the bits of what comes out; importable by workers that are not forked."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, Sampler, get_worker_info

from draws import draw


def bits(value: Any) -> bytes:
    """Return the exact bytes of a batch or an item, with what it is made of."""
    if isinstance(value, dict):
        return b"{" + b",".join(f"{key}:".encode() + bits(child) for key, child in value.items()) + b"}"
    if isinstance(value, list | tuple):
        return b"[" + b",".join(map(bits, value)) + b"]"
    if isinstance(value, torch.Tensor | np.ndarray):
        array = np.asarray(value)
        return f"{array.dtype}{array.shape}".encode() + array.tobytes()
    return repr(value).encode()


class Noisy(Dataset):
    """Items of the index and a draw from each of the three global generators."""

    def __init__(self, size: int = 24) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> torch.Tensor:
        if not 0 <= index < self.size:
            raise IndexError(index)
        return torch.tensor([index, *draw()], dtype=torch.float64)


class NoisyBatches(Noisy):
    """The same, made a batch at a time."""

    def __getitems__(self, indices: list[int]) -> list[torch.Tensor]:
        shared = random.random()
        return [self[index] + shared for index in indices]


class OnlyTorch(Noisy):
    """Items that draw from torch alone."""

    def __getitem__(self, index: int) -> torch.Tensor:
        return index + torch.rand(())


class Sums(Noisy):
    """Items whose bits depend on the number of threads."""

    def __getitem__(self, index: int) -> torch.Tensor:
        values = torch.rand(2**20, generator=torch.Generator().manual_seed(index))
        return torch.stack([values.sum(), values.mean(), values.std(), values @ values])


class Shared:
    """A generator that belongs to the class, as MONAI's ``Randomizable`` has it, and one of an instance's own."""

    R = np.random.RandomState()

    def set_random_state(self, seed: int) -> Shared:
        self.R = np.random.RandomState(seed)
        return self

    def draw(self) -> float:
        return self.R.uniform()


class Private(Dataset):
    """Items of draws from private generators of every kind, each begun without a seed where that is possible."""

    def __init__(self, size: int = 24) -> None:
        self.size = size
        self.python = random.Random()
        self.generator = np.random.default_rng()
        self.legacy = np.random.RandomState()
        self.torch = torch.Generator()
        self.torch.seed()
        self.shared, self.own = Shared(), Shared().set_random_state(7)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> torch.Tensor:
        drawn = [
            self.python.gauss(0, 1),
            self.generator.normal(),
            self.legacy.standard_normal(),
            torch.rand((), generator=self.torch).item(),
            self.shared.draw(),
            self.own.draw(),
        ]
        return torch.tensor([index, *drawn], dtype=torch.float64)


class Lazy(Noisy):
    """A generator that comes into being with the first item, in each process."""

    generator: np.random.Generator | None = None

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.generator is None:
            self.generator = np.random.default_rng()
        return torch.tensor([index, self.generator.normal()])


class Late(Noisy):
    """A generator that comes into being with one certain item."""

    generator: random.Random | None = None

    def __getitem__(self, index: int) -> torch.Tensor:
        if index != self.size - 1:
            return torch.tensor([index, 0.0], dtype=torch.float64)
        if self.generator is None:
            self.generator = random.Random()
        return torch.tensor([index, self.generator.random()], dtype=torch.float64)


def mix_up(items: list[torch.Tensor]) -> torch.Tensor:
    """Mix each item of a batch with another one."""
    batch = torch.stack(items)
    share = np.random.beta(0.4, 0.4)
    return share * batch + (1 - share) * batch[torch.randperm(len(batch))]


class LazyMixUp:
    """A collate function whose generator comes into being with the first batch, in each process."""

    generator: np.random.Generator | None = None

    def __call__(self, items: list[torch.Tensor]) -> torch.Tensor:
        if self.generator is None:
            self.generator = np.random.default_rng()
        items[0] += 1.0  # in place: whoever calls it again has to give it fresh items
        return torch.stack(items) * self.generator.uniform()


class PrivateMixUp(LazyMixUp):
    """The same with a generator from the beginning."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng()


class Held(Dataset):
    """Items that do not draw, the first of which waits for a file, so that others overtake it."""

    def __init__(self, size: int, gate: str) -> None:
        self.size, self.gate = size, gate

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> torch.Tensor:
        if index == 0:
            with open(self.gate) as pipe:  # noqa: PTH123  # a named pipe: waits until somebody opens its other end
                pipe.read()
        return torch.tensor([index, *draw()], dtype=torch.float64)


class Stream(IterableDataset):
    """Items of worker, place and draws; worker ``w`` of ``n`` has those of ``w, w + n, ...``. Without a state."""

    def __init__(self, size: int = 23) -> None:
        self.size = size

    def places(self) -> range:
        info = get_worker_info()
        return range(self.size) if info is None else range(info.id, self.size, info.num_workers)

    def __iter__(self):
        opening = random.random()  # what opening draws is kept
        for place in self.places():
            yield torch.tensor([place, opening, *draw()], dtype=torch.float64)


class StatefulStream(Stream):
    """The same with a state of its own; not one that the position alone would give."""

    def __init__(self, size: int = 23) -> None:
        super().__init__(size)
        self.begin, self.total = 0, 0.0

    def __iter__(self):
        begin, self.begin = self.begin, 0
        if begin == 0:
            self.total = 0.0
        self.taken = begin
        for place in self.places()[begin:]:
            drawn = draw()
            self.total += drawn[0]
            self.taken += 1
            yield torch.tensor([place, self.total, *drawn], dtype=torch.float64)

    def state_dict(self) -> dict[str, Any]:
        return {"taken": self.taken, "total": self.total}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.begin, self.total = state["taken"], state["total"]


class StatefulIterator(Stream):
    """The same with the state in the iterator."""

    def __iter__(self):
        return _Iterator(self.places())


class _Iterator:
    """Gives its very state away, and goes on in the one it is given."""

    def __init__(self, places: range) -> None:
        self.places, self.here = places, {"taken": 0, "total": 0.0}

    def __iter__(self) -> _Iterator:
        return self

    def __next__(self) -> torch.Tensor:
        here = self.here
        if here["taken"] == len(self.places):
            raise StopIteration
        here["total"] += random.random()
        here["taken"] += 1
        return torch.tensor([self.places[here["taken"] - 1], here["total"], *draw()], dtype=torch.float64)

    def state_dict(self) -> dict[str, Any]:
        return self.here

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.here = state


class Uneven(Stream):
    """Workers of very different lengths."""

    def places(self) -> range:
        info = get_worker_info()
        worker = 0 if info is None else info.id
        return range(1000 * worker, 1000 * worker + (self.size, 2, 7)[worker])


class Lazily(Sampler):
    """Draws each index when it is asked for, from all three global generators."""

    def __init__(self, size: int, count: int | None = None) -> None:
        self.size, self.count = size, count

    def __iter__(self):
        number = 0
        while self.count is None or number < self.count:
            yield (random.randrange(self.size) + np.random.randint(self.size) + int(torch.randint(9, ()))) % self.size
            number += 1


class Counted(Lazily):
    """The same, and says how many there are."""

    def __len__(self) -> int:
        assert self.count is not None
        return self.count


class StatefulSampler(Counted):
    """Goes on from a state, which it gives away as it is; what it gives depends on what it gave."""

    def __init__(self, size: int, count: int) -> None:
        super().__init__(size, count)
        self.here, self.loaded = {"taken": 0, "last": 0}, False

    def __iter__(self):
        if not self.loaded:
            self.here = {"taken": 0, "last": 0}
        self.loaded = False
        here = self.here
        while here["taken"] < self.count:
            here["taken"] += 1
            here["last"] = (here["last"] + 1 + random.randrange(self.size - 1)) % self.size
            yield here["last"]

    def state_dict(self) -> dict[str, int]:
        return self.here

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.here, self.loaded = state, True


class ByLength(Sampler):
    """Batches of samples of like length, of different sizes, in an order drawn anew in each epoch."""

    def __init__(self, size: int) -> None:
        self.groups = [list(range(begin, min(begin + 3 + begin % 4, size))) for begin in range(0, size, 5)]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self):
        for place in torch.randperm(len(self.groups)).tolist():
            group = list(self.groups[place])
            random.shuffle(group)
            yield group


class Broken(Noisy):
    """Index 5 cannot be made."""

    def __getitem__(self, index: int) -> torch.Tensor:
        if index == 5:
            raise ValueError(f"bad sample {index}")
        return super().__getitem__(index)
