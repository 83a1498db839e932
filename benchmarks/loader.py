"""Loaders side by side: torch's, torchdata's and samerun's, on items that cost nothing, 50 µs and 1 ms."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from functools import cache, partial
from timeit import default_timer, repeat
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

import samerun
from benchmarks.harness import Comparison, Target

_BATCH = 32
_COSTS = {"0": 0.0, "50 µs": 50e-6, "1 ms": 1e-3}
# Items that a sample goes through.
_ITEMS = {"0": 9_600, "50 µs": 1_920, "1 ms": 192}
_WORKER_ITEMS = {"0": 38_400, "50 µs": 3_840, "1 ms": 384}

# The least part of torch's throughput that is to be reached, by cost, workers and sources keyed.
_THROUGHPUT = {
    ("50 µs", 0, None): 0.85,
    ("50 µs", 0, "torch"): 0.94,
    ("50 µs", 2, None): 0.85,
    ("50 µs", 2, "torch"): 0.94,
    ("1 ms", 0, None): 0.98,
    ("1 ms", 2, None): 0.98,
    ("0", 2, None): 0.65,
}


def rows() -> list[Comparison]:
    """Return throughput per item, the cost of each generator, resuming and memory."""
    return [*_throughput(), *_sources(), *_torchdata(), *_resuming()]


class Costly(Dataset[int]):
    """Items that cost so many seconds of work, and draw nothing.

    Work and not a wait, so that a busy machine slows it like everything else.
    """

    def __init__(self, length: int, seconds: float) -> None:
        self._length = length
        self._turns = round(seconds / _turn())

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> int:
        for _ in range(self._turns):
            _NUMBERS.sum()
        return index


_NUMBERS = np.ones(8192, np.float32)


@cache
def _turn() -> float:
    return min(repeat(_NUMBERS.sum, number=1000, repeat=20)) / 1000


class _PerItem:
    """A sampler that goes through a loader and returns the seconds an item took."""

    def __init__(self, loader: Iterable[Any], items: int) -> None:
        self._loader, self._items = loader, items
        self._batches: Iterator[Any] = iter(())

    def __call__(self) -> float:
        start, left = default_timer(), self._items // _BATCH
        while left:
            for _ in self._loader:
                left -= 1
        return (default_timer() - start) / self._items


def _settings(cost: str, workers: int) -> tuple[Costly, int, dict[str, Any]]:
    items = (_WORKER_ITEMS if workers else _ITEMS)[cost]
    how = {"batch_size": _BATCH, "shuffle": True, "num_workers": workers, "persistent_workers": workers > 0}
    return Costly(items, _COSTS[cost]), items, how


def _ours(cost: str, workers: int, rngs: Any = None) -> _PerItem:
    dataset, items, how = _settings(cost, workers)
    name = f"{cost} {workers} {rngs}"  # an own one, or two loaders of one seed would get a warning
    return _PerItem(samerun.DataLoader(dataset, **how, seed=42, name=name, rngs=rngs), items)


def _theirs(cost: str, workers: int) -> _PerItem:
    dataset, items, how = _settings(cost, workers)
    return _PerItem(DataLoader(dataset, **how), items)


def _throughput() -> list[Comparison]:
    found = []
    for cost in _COSTS:
        for workers in (0, 2):
            for rngs in (None, "torch"):
                least = _THROUGHPUT.get((cost, workers, rngs))
                what = f"an item of {cost}, {workers} workers" + (f", rngs={rngs!r}" if rngs else "")
                target = least and Target("ratio", 1 / least)
                if (cost, workers, rngs) == ("0", 0, None):
                    target = Target("added", 9e-6)
                sides = _ours(cost, workers, rngs), _theirs(cost, workers)
                found.append(Comparison(what, "torch.utils.data.DataLoader", *sides, target or None, rounds=15))
    return found


def _sources() -> list[Comparison]:
    return [
        Comparison(
            f"an item of 0, 0 workers, rngs={rngs!r}",
            "the same with rngs=()",
            _ours("0", 0, rngs),
            _ours("0", 0, ()),
            rounds=15,
        )
        for rngs in ("python", "numpy", "torch.cpu")
    ]


def _torchdata() -> list[Comparison]:
    from torchdata.stateful_dataloader import StatefulDataLoader

    found = []
    for cost in _COSTS:
        for workers in (0, 2):
            dataset, items, how = _settings(cost, workers)
            theirs = _PerItem(StatefulDataLoader(dataset, **how), items)
            what = f"an item of {cost}, {workers} workers"
            found.append(Comparison(what, "torchdata's StatefulDataLoader", _ours(cost, workers), theirs, rounds=9))
    return found


_N = 10**8


def _resuming() -> list[Comparison]:
    dataset = Costly(_N, 2e-3)

    def first_batch(part: float) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the loader of the sample before may still be there
            start = default_timer()
            loader = samerun.DataLoader(dataset, batch_size=_BATCH, shuffle=True, seed=42, name="resumed")
            samples = int(_N * part) // _BATCH * _BATCH
            loader.load_state_dict({**loader.state_dict(), "samples": samples, "taken": samples})
            next(iter(loader))
            return default_timer() - start

    return [
        Comparison(
            "first batch of 10**8 items of 2 ms, resumed at 90 %",
            "resumed at 10 %",
            partial(first_batch, 0.9),
            partial(first_batch, 0.1),
            Target("ours", 0.5),
            rounds=9,
        ),
        Comparison(
            "memory of beginning a shuffled epoch of 10**8",
            "torch's",
            partial(_megabytes, "samerun.DataLoader(D(), shuffle=True, seed=42)"),
            partial(_megabytes, "DataLoader(D(), shuffle=True)"),
            Target("ours", 50.0),
            rounds=2,
            unit="MB",
        ),
    ]


_MEMORY = """
import resource, torch, samerun
from torch.utils.data import DataLoader, Dataset

class D(Dataset):
    def __len__(self): return 10**8
    def __getitem__(self, index): return index

def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

samerun.DataLoader(range(64), seed=42, name="warm"), next(iter(DataLoader(range(64), shuffle=True)))
next(iter(samerun.DataLoader(range(64), seed=42, name="warm", shuffle=True)))
before = peak()
next(iter({loader}))
print(peak() - before)
"""


def _megabytes(loader: str) -> float:
    program = _MEMORY.replace("{loader}", loader)
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
