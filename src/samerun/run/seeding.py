"""Noticing that somebody seeds the generators inside a run, which would make all that follows repeat itself."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np
import torch

from samerun.errors import RunError
from samerun.rng.seeding import refusals

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
        for module, name, original in list(_names(_functions())):
            _replaced.append((module, name, original))
            setattr(module, name, _refusing(f"{module.__name__}.{name}", original))
        _entered.append(self)
        refusals.append(self.refuse)

    def __exit__(self, *error: object) -> None:
        _entered.remove(self)
        refusals.remove(self.refuse)
        if not _entered:
            for module, name, original in _replaced:
                setattr(module, name, original)
            _replaced.clear()

    def refuse(self, what: str) -> None:
        """Raise, naming the place that calls the seeding function, unless it is harmless.

        Raises:
            RunError: then.
        """
        if self._allowed():
            return
        frame = sys._getframe(2)
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        reason = (
            f"{what} was called inside the run, so that the draws which follow would come again; seed before the run,"
            " or put the part that needs a seed of its own into `with samerun.isolate():`"
        )
        raise RunError(where, reason)


# Those that are entered, of several runs in whatever order they end, and what was replaced meanwhile.
_entered: list[SeedingRefused] = []
_replaced: list[tuple[ModuleType, str, Any]] = []


def _refusing(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
    owner = os.getpid()

    @wraps(original)
    def refusing(*args: Any, **kwargs: Any) -> Any:
        if os.getpid() == owner:  # a forked worker seeds itself
            for entered in _entered:
                entered.refuse(what)
        return original(*args, **kwargs)

    return refusing


def _functions() -> set[int]:
    """Return the functions that seed a global generator, by ``id``."""
    replaced = {(module, name): original for module, name, original in _replaced}
    return {id(replaced.get((module, name), getattr(module, name))) for module, name in _FUNCTIONS}


def _names(functions: set[int]) -> Iterator[tuple[ModuleType, str, Any]]:
    """Yield each name of a module that stands for one of some functions."""
    modules: list[object] = list(sys.modules.values())  # where anything can be put
    for module in modules:
        # samerun's own are what isolate() and seed_everything() are made of.
        if not isinstance(module, ModuleType) or module.__name__.startswith("samerun."):
            continue
        if not functions.isdisjoint(map(id, vars(module).values())):
            yield from [(module, name, value) for name, value in vars(module).items() if id(value) in functions]
