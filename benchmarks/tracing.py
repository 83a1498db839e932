"""What recording a training adds to its step: a small model, a small transformer, and one of 100 million parameters."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from time import thread_time
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import samerun
from benchmarks.harness import Comparison, Sampler, Target
from samerun.tracing.settings import DEFAULT

_VOCABULARY = 1000
# Steps before the measured ones, of which more is kept, and in which modules are looked up; of a large model, fewer.
_FIRST, _FEW = 12, 2


def rows() -> list[Comparison]:
    """Return the rows about each model with what is recorded by default, which is everything, and with less."""
    small, transformer, large = cache(_mlp), cache(_transformer), cache(_large)
    least = {"rng", "batch", "loss"}
    return [
        _row("step of an MLP, traced", small, 200, DEFAULT, None),
        _row("the same, rng, batch and loss", small, 200, least, None),
        _row("the same, every=10", small, 200, DEFAULT, None, every=10),
        _row("step of a transformer of 0.5 M, traced", transformer, 10, DEFAULT, Target("ratio", 1.05)),
        _row("step of a transformer of 100 M, traced", large, 1, DEFAULT, Target("ratio", 1.03), rounds=3),
    ]


def _row(
    what: str,
    make: Callable[[], Callable[[], None]],
    steps: int,
    record: Any,
    target: Target | None,
    *,
    rounds: int = 25,
    every: int = 1,
) -> Comparison:
    folder, number = _folder(), count()

    def traced() -> float:
        with samerun.trace(folder / f"{next(number)}.trace", record=record, every=every):
            return _warmed(make(), steps)  # the first steps make the file and look up the models, once in a run

    def plain() -> float:
        return _warmed(make(), steps)

    return Comparison(what, "not traced", _on_one_thread(traced), _on_one_thread(plain), target, rounds)


def _warmed(step: Callable[[], None], steps: int) -> float:
    """Return the seconds of this thread that a step takes; what else the machine does is no part of them."""
    for _ in range(_FIRST if steps > 1 else _FEW):
        step()
    start = thread_time()
    for _ in range(steps):
        step()
    return (thread_time() - start) / steps


def _on_one_thread(sample: Sampler) -> Sampler:
    def on_one_thread() -> float:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # threads that wait for each other on a busy machine would drown the difference
        try:
            return sample()
        finally:
            torch.set_num_threads(threads)

    return on_one_thread


class _Endless(Dataset[tuple[torch.Tensor, ...]]):
    """The same batch again and again."""

    def __init__(self, *batch: torch.Tensor) -> None:
        self._batch = batch

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        return self._batch


def _mlp() -> Callable[[], None]:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    return _step(model, torch.randn(64, 64), torch.randint(10, (64,)))


class _Words(nn.Module):
    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(_VOCABULARY, width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, batch_first=True)
        self.body = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, _VOCABULARY)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.body(self.embedding(words)))
        return found.flatten(0, 1)


def _transformer() -> Callable[[], None]:
    return _language_model(96, 2, 4, batch=12, length=32)


def _large() -> Callable[[], None]:
    return _language_model(768, 14, 12, batch=8, length=128)


def _language_model(width: int, layers: int, heads: int, *, batch: int, length: int) -> Callable[[], None]:
    words = torch.randint(_VOCABULARY, (batch, length))
    return _step(_Words(width, layers, heads), words, words.flatten().roll(1))


def _step(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    """Return one step of AdamW with a batch of a loader, whose iterator lives as long as the step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    batches: Iterator[Any] = iter(DataLoader(_Endless(x, y), batch_size=None))

    def step() -> None:
        inputs, goal = next(batches)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), goal).backward()
        optimizer.step()

    return step


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="samerun-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
