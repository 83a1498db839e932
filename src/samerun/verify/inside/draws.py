"""Somebody looks at data and at another model: draws from every global generator, which are none of the training's."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]


def disturb(process: Process, setting: dict[str, bool]) -> None:
    """Draw at what is set.

    Args:
        process: of the script.
        setting: ``before``: once an optimizer was made, a model is built and a loader is iterated; ``between``:
            whenever a batch is asked for, so between two steps and between two epochs; without a loader, after steps.
            Inside a stream, where nobody else draws, that is put off until it is left.
    """
    process.when_imported("torch", lambda: _install(process, **setting))


def _install(process: Process, before: bool, between: bool) -> None:
    from torch.optim import Optimizer
    from torch.utils.data import dataloader

    from samerun.rng.ownership import Stack, stack

    busy = told = has_loader = False
    due: list[Callable[[], None]] = []

    def aside(act: Callable[[], None]) -> None:
        nonlocal busy, told
        if busy or not process.is_first:
            return
        busy = True
        try:
            with process.unrecorded():
                act()
            if not told:
                told = True
                process.tell("drew")
        finally:
            busy = False

    def outside(act: Callable[[], None]) -> None:
        if not busy and act not in due:
            due.append(act)
            catch_up()

    def catch_up() -> None:
        while due and not stack.is_isolated(None):
            aside(due.pop(0))

    def asked() -> None:
        nonlocal has_loader
        has_loader = has_loader or not busy
        outside(_plot)

    _replace(Stack, "leave", lambda: None, catch_up)
    if before:
        _replace(Optimizer, "__init__", lambda: None, lambda: outside(_explore))
    if between:
        _replace(dataloader._BaseDataLoaderIter, "__next__", asked, lambda: None)
        process.at_step.append(lambda _: None if has_loader else outside(_plot))


def _plot() -> None:
    """Draw as a plot of some samples does."""
    import numpy as np
    import torch

    random.random()
    np.random.normal(size=3)
    torch.rand(5)
    if torch.cuda.is_initialized():
        torch.rand(5, device="cuda")


def _explore() -> None:
    """Build a model and iterate a loader, as in a cell that tries something out."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(), torch.nn.Linear(8, 2))
    for _ in DataLoader(TensorDataset(torch.randn(8, 4)), batch_size=4, shuffle=True, num_workers=0):
        _plot()


def _replace(owner: Any, name: str, before: Callable[[], None], after: Callable[[], None]) -> None:
    original = getattr(owner, name)

    @wraps(original)
    def disturbed(*args: Any, **kwargs: Any) -> Any:
        before()
        result = original(*args, **kwargs)
        after()
        return result

    setattr(owner, name, disturbed)
