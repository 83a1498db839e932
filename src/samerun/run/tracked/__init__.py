"""What a run keeps: anything with a state, and generators; compared with a checkpoint before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from samerun.data import DataLoader
from samerun.data.stateful import has_state
from samerun.run.tracked.base import Tracked
from samerun.run.tracked.generators import Generators, Inside
from samerun.run.tracked.loader import Loader, OtherLoader
from samerun.run.tracked.module import Module
from samerun.run.tracked.optimizer import Optimizer
from samerun.run.tracked.stateful import OwnLoop, Stateful

__all__ = ["Tracked", "tracked"]


def tracked(name: str, thing: Any) -> Tracked:
    """Return how a thing is kept.

    Raises:
        TypeError: for a thing with neither a state nor generators.
    """
    for fits, kind in _KINDS:
        if fits(thing):
            return kind(name, thing)
    if (inside := Inside(name, thing, bulk=True)).found:
        return Generators(name, thing, inside)
    raise TypeError(
        f"{name}: a {type(thing).__qualname__} has neither state_dict() and load_state_dict() nor generators inside, so"
        " there is nothing to keep"
    )


def _is_iterated(thing: Any) -> bool:
    return has_state(thing) and hasattr(thing, "__iter__")


# The first that fits is used.
_KINDS: tuple[tuple[Callable[[Any], bool], type[Tracked]], ...] = (
    (lambda thing: isinstance(thing, nn.Module), Module),
    (lambda thing: isinstance(thing, torch.optim.Optimizer), Optimizer),
    (lambda thing: isinstance(thing, DataLoader), Loader),
    (lambda thing: _is_iterated(thing) and hasattr(thing, "dataset"), OtherLoader),
    (_is_iterated, OwnLoop),
    (has_state, Stateful),
)
