"""Noticing that somebody seeds the generators inside a run, which would make all that follows repeat itself."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch

from samerun.errors import RunError
from samerun.rng.seeding import refusals
from samerun.run.lookout import Lookout

__all__ = ["SeedingRefused"]

# torch wraps those of its own module anew when its compiler is loaded.
_FUNCTIONS: tuple[tuple[Any, str], ...] = (
    (random, "seed"),
    (np.random, "seed"),
    (torch, "manual_seed"),
    (torch.random, "manual_seed"),
    (torch, "seed"),
    (torch.random, "seed"),
)


class SeedingRefused:
    """While entered, seeding a global generator in this process is an error that says where.

    Also by a name that a module has imported, as ``from random import seed`` does. What is not noticed: a function that
    was put into a container, a class or a closure before.

    Args:
        allowed: returns whether seeding is harmless at the moment, as inside ``isolate()``.
    """

    def __init__(self, allowed: Callable[[], bool]) -> None:
        self._allowed = allowed

    def __enter__(self) -> None:
        _seedings.begin(self._refuse)
        refusals.append(self._refuse)

    def __exit__(self, *error: object) -> None:
        _seedings.end(self._refuse)
        refusals.remove(self._refuse)

    def _refuse(self, what: str, *_: object) -> None:
        if self._allowed():
            return
        frame = sys._getframe(2)
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        reason = (
            f"{what} was called inside the run, so that the draws which follow would come again; seed before the run,"
            " or put the part that needs a seed of its own into `with samerun.isolate():`"
        )
        raise RunError(where, reason)


def _names(lookout: Lookout) -> Iterator[tuple[ModuleType, str]]:
    """Yield each name of a module that stands for a function which seeds a global generator."""
    functions = {id(lookout.original(module, name)) for module, name in _FUNCTIONS}
    modules: list[object] = list(sys.modules.values())  # where anything can be put
    for module in modules:
        # samerun's own are what isolate() and seed_everything() are made of.
        if not isinstance(module, ModuleType) or module.__name__.startswith("samerun."):
            continue
        if not functions.isdisjoint(map(id, vars(module).values())):
            yield from [(module, name) for name, value in vars(module).items() if id(value) in functions]


_seedings = Lookout(_names)
