"""What looks like part of a training, is alive in the process, and is not tracked."""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Iterable
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


_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState, torch.Generator)
_KINDS: dict[str, type | tuple[type, ...]] = {
    "optimizer": Optimizer,
    "scheduler": LRScheduler,
    "scaler": torch.amp.GradScaler,
    "loader": DataLoader,
    "module in training": nn.Module,
    "generator": _GENERATORS,
}


def forgotten(kept: Iterable[Any]) -> Forgotten:
    """Return what is alive and not among, or inside, what is kept."""
    kept = list(kept)
    known = {id(thing) for thing in kept}
    for thing in kept:
        known.update(id(inner) for inner in _inside(thing))
    everything = _alive()
    kinds = {kind: name for kind in set(map(type, everything)) if (name := _kind(kind)) is not None}
    found = [
        (kinds[type(thing)], thing)
        for thing in everything
        if type(thing) in kinds and id(thing) not in known and not _is_idle(thing)
    ]
    others = _of_libraries([thing for _, thing in found if isinstance(thing, _GENERATORS)])
    for _, thing in found:
        if isinstance(thing, nn.Module):
            others.update(id(child) for child in thing.modules() if child is not thing)
    return Forgotten(tuple((kind, _described(thing)) for kind, thing in found if id(thing) not in others))


def _kind(kind: type) -> str | None:
    """Return what a type is called; by the type, because isinstance runs code of proxies."""
    return next((name for name, kinds in _KINDS.items() if issubclass(kind, kinds)), None)


def _alive() -> list[Any]:
    gc.collect()  # what nobody can reach is not alive
    listed = gc.get_objects()
    # The collector does not list torch's generators, but what refers to them.
    generators = {
        id(inner): inner for thing in listed for inner in gc.get_referents(thing) if type(inner) is torch.Generator
    }
    return [*listed, *generators.values()]


def _inside(thing: Any) -> Iterable[Any]:
    if isinstance(thing, nn.Module):
        yield from thing.modules()
    yield from getattr(thing, "_schedulers", ())  # of SequentialLR and ChainedScheduler
    yield from find_generators(thing).values()


def _is_idle(thing: Any) -> bool:
    """Return whether it is a module that is not in training, or has nothing to train."""
    return isinstance(thing, nn.Module) and not (thing.training and any(True for _ in thing.parameters()))


def _of_libraries(generators: list[Any]) -> set[int]:
    """Return which are shared generators, or belong to the standard library or to a library's module, by ``id``."""
    shared = (random.random.__self__, np.random.random.__self__, torch.default_generator)  # type: ignore[attr-defined]
    found = {id(thing) for thing in shared}
    # All at once, because the collector looks through everything there is.
    for holder in gc.get_referrers(*generators):
        if holder is not generators and _is_a_librarys(holder):
            found.update(map(id, gc.get_referents(holder)))
    return found


def _is_a_librarys(holder: Any) -> bool:
    # Of a module, or of a class.
    owner = (holder.get("__name__") or holder.get("__module__")) if isinstance(holder, dict) else None
    if owner is not None and owner != "__main__":
        return True
    return type(holder).__module__.partition(".")[0] in sys.stdlib_module_names - {"builtins", "__main__"}


def _described(thing: Any) -> str:
    of = f" over {type(thing.dataset).__qualname__}" if isinstance(thing, DataLoader) else ""
    return f"a {type(thing).__module__}.{type(thing).__qualname__}{of}"
