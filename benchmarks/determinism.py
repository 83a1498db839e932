"""What deterministic algorithms cost a training step, and what filling uninitialised memory adds to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import nn

from benchmarks.harness import Comparison, Loop
from samerun import deterministic

_BATCH, _WIDTH, _LAYERS = 64, 1024, 3
_STEPS = 4  # in one block, so that entering it does not count


def rows() -> list[Comparison]:
    """Return one row for each way of being deterministic, against a plain step."""
    step = _training_step()
    plain = Loop(partial(_steps, step, nullcontext), units=_STEPS)
    ways: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "deterministic()": deterministic,
        "deterministic(fill_uninitialized_memory=True)": partial(deterministic, fill_uninitialized_memory=True),
    }
    return [
        Comparison(f"a training step in {name}", "a plain step", Loop(partial(_steps, step, way), units=_STEPS), plain)
        for name, way in ways.items()
    ]


def _steps(step: Callable[[], None], way: Callable[[], AbstractContextManager[object]]) -> None:
    with way():
        for _ in range(_STEPS):
            step()


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
