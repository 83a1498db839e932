"""Following every operation and every draw of one training step, against torch's DebugMode with hashes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils._debug_mode import DebugMode

from benchmarks.harness import Comparison, Sampler, Target
from samerun.tracing.draws import Draws
from samerun.tracing.modules import ModuleOutputs
from samerun.tracing.ops import Operations

_TARGET = Target("ratio", 1.0)
_ROUNDS = 30


def rows() -> list[Comparison]:
    """Return one row for a small transformer and one for a small network of fully connected layers."""
    return [_row(name, step) for name, step in (("transformer", _transformer()), ("MLP", _mlp()))]


def _row(name: str, step: Callable[[], None]) -> Comparison:
    what = f"level 3, one step of a small {name}"
    ours, theirs = _sampler(_level_3, step), _sampler(_debug_mode, step)
    return Comparison(what, "DebugMode, hashes of outputs", ours, theirs, _TARGET, _ROUNDS)


def _sampler(around: Callable[[], AbstractContextManager[Any]], step: Callable[[], None]) -> Sampler:
    def sample() -> float:
        start = perf_counter()
        with around():
            step()
        return perf_counter() - start

    return sample


def _level_3() -> ExitStack:
    seen: list[tuple[Any, ...]] = []

    def written(found: Any) -> None:
        seen.append((found.kind, found.name, found.digest, found.value, found.parts))

    stack = ExitStack()
    for observer in (ModuleOutputs, Operations, Draws):
        stack.enter_context(observer(written))
    return stack


def _debug_mode() -> ExitStack:
    stack = ExitStack()
    stack.enter_context(DebugMode())
    stack.enter_context(DebugMode.log_tensor_hashes())
    return stack


def _transformer() -> Callable[[], None]:
    layers = [nn.TransformerEncoderLayer(128, 4, 512, batch_first=True) for _ in range(4)]
    model = nn.Sequential(nn.Embedding(1000, 128), *layers, nn.Linear(128, 1000))
    tokens = torch.randint(1000, (8, 33))
    return _step(model, lambda: _next_token(model(tokens[:, :-1]), tokens[:, 1:]))


def _next_token(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def _mlp() -> Callable[[], None]:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10))
    inputs = torch.randn(32, 64)
    return _step(model, lambda: model(inputs).square().mean())


def _step(model: nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    step()
    return step
