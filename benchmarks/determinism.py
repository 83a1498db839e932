"""What deterministic algorithms cost a training step, and what filling uninitialised memory adds to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TypeAlias

import torch
from torch import nn

from benchmarks.harness import Comparison, Loop, Sampler
from samerun import deterministic

_Way: TypeAlias = Callable[[], AbstractContextManager[object]]

_BATCH, _WIDTH, _LAYERS = 64, 1024, 3


def rows() -> list[Comparison]:
    """Return one row for each way of being deterministic, against a plain step."""
    step = _training_step()
    ways: dict[str, _Way] = {
        "step in deterministic()": deterministic,
        "the same, filling memory": partial(deterministic, fill_uninitialized_memory=True),
    }
    plain = _sampler(step, nullcontext)
    return [
        Comparison(what, "a plain training step", _sampler(step, way), plain, rounds=100) for what, way in ways.items()
    ]


def _sampler(step: Callable[[], None], way: _Way) -> Sampler:
    def call() -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # threads that wait for each other on a busy machine would drown the difference
        try:
            with way():
                step()
        finally:
            torch.set_num_threads(threads)

    return Loop(call)


def _training_step() -> Callable[[], None]:
    """Return one step of a small model that allocates every activation and every gradient anew."""
    layers = [nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.LayerNorm(_WIDTH), nn.ReLU()) for _ in range(_LAYERS)]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    batch, goal = torch.randn(2, _BATCH, _WIDTH)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(batch), goal).backward()
        optimizer.step()

    return step
