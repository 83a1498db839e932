"""What looks like part of a training, is alive in the process, and is not tracked."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader

from samerun.rng.discovery import find_generators

__all__ = ["Forgotten", "forgotten"]


@dataclass(frozen=True)
class Forgotten:
    """What :meth:`samerun.Run.check` found. True where nothing was forgotten.

    Attributes:
        found: kind and description of each.
    """

    found: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        return not self.found

    def __str__(self) -> str:
        if self:
            return "everything that looks like part of the training is tracked"
        rows = (f"  {kind}: {what}" for kind, what in self.found)
        return "\n".join(["alive, and not tracked; run.track(...) what the training needs:", *rows])


_KINDS: dict[str, Callable[[Any], bool]] = {
    "optimizer": lambda thing: isinstance(thing, Optimizer),
    "scheduler": lambda thing: isinstance(thing, LRScheduler),
    "scaler": lambda thing: isinstance(thing, torch.amp.GradScaler),
    "loader": lambda thing: isinstance(thing, DataLoader),
    "module in training": lambda thing: isinstance(thing, nn.Module) and thing.training and _has_parameters(thing),
    "generator": lambda thing: isinstance(
        thing, random.Random | np.random.Generator | np.random.RandomState | torch.Generator
    ),
}


def forgotten(kept: Iterable[Any]) -> Forgotten:
    """Return what is alive and not among, or inside, what is kept."""
    kept = list(kept)
    known = {id(thing) for thing in kept}
    for thing in kept:
        known.update(id(inner) for inner in _inside(thing))
    found = []
    inner_modules: set[int] = set()
    for thing in gc.get_objects():
        kind = next((name for name, fits in _KINDS.items() if issubclass(type(thing), _TYPES) and fits(thing)), None)
        if kind is None or id(thing) in known or _is_a_librarys(thing):
            continue
        if isinstance(thing, nn.Module):
            inner_modules.update(id(child) for child in thing.modules() if child is not thing)
        found.append((kind, thing))
    return Forgotten(tuple((kind, _described(thing)) for kind, thing in found if id(thing) not in inner_modules))


_TYPES = (
    Optimizer,
    LRScheduler,
    torch.amp.GradScaler,
    DataLoader,
    nn.Module,
    random.Random,
    np.random.Generator,
    np.random.RandomState,
    torch.Generator,
)


def _inside(thing: Any) -> Iterable[Any]:
    if isinstance(thing, nn.Module):
        yield from thing.modules()
    yield from find_generators(thing).values()


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _is_a_librarys(thing: Any) -> bool:
    """Return whether something is a shared generator, or belongs to the standard library or to a library's module."""
    if thing in (random.random.__self__, np.random.random.__self__, torch.default_generator):  # type: ignore[attr-defined]
        return True
    if not isinstance(thing, random.Random | np.random.Generator | np.random.RandomState | torch.Generator):
        return False
    for holder in gc.get_referrers(thing):
        if isinstance(holder, dict) and (owner := holder.get("__name__")) is not None and owner != "__main__":
            return True
        if type(holder).__module__.partition(".")[0] in sys.stdlib_module_names - {"builtins", "__main__"}:
            return True
    return False


def _described(thing: Any) -> str:
    return f"a {type(thing).__module__}.{type(thing).__qualname__}"
