"""Seeds: which generator is seeded with what, and where."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from samerun.tracing.callsite import call_site
from samerun.tracing.generators import Generators

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]

_FUNCTIONS: tuple[tuple[Any, str, str], ...] = (
    (random, "seed", "python"),
    (np.random, "seed", "numpy"),
    (torch, "manual_seed", "torch"),
    (torch.random, "manual_seed", "torch"),
    (torch, "seed", "torch"),
    (torch.cuda, "manual_seed", "torch.cuda"),
    (torch.cuda, "manual_seed_all", "torch.cuda"),
    (np.random, "default_rng", "numpy.Generator"),
)
_LONG = 200


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook the functions that seed a generator or make one from a seed.

    A function that another one of them calls, as ``torch.manual_seed`` does for every device, is part of that.
    """
    inside = threading.local()
    begun = _states()

    def used(library: str) -> bool | None:
        """Return whether a generator was drawn from before it is seeded for the first time."""
        state = begun.pop(library, None)
        return None if state is None else _states()[library] != state

    def watch(owner: Any, name: str, library: str) -> None:
        def before(*args: Any, **kwargs: Any) -> bool:
            outermost = not getattr(inside, "call", False)
            if outermost:
                inside.call = True
                given = args[0] if args else next(iter(kwargs.values()), None)
                call = f"{owner.__name__}.{name}"
                told = {"library": library, "call": call, "value": _plain(given), "used": used(library)}
                recorder.note("seed", {**told, "place": call_site()})
            return outermost

        def after(outermost: bool, *_: Any, **__: Any) -> None:
            inside.call = inside.call and not outermost

        patches.watch(owner, name, before, after, after)

    for owner, name, library in _FUNCTIONS:
        watch(owner, name, library)


def _states() -> dict[str, bytes]:
    """Return digests of the generators that every process has, by library."""
    generators = Generators()
    generators.refresh()
    names = {"python": "python", "numpy": "numpy", "torch.cpu": "torch"}
    return {names[name]: digest for name, digest, _ in generators.read() if name in names}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.integer):
        return int(value)
    text = repr(value) if isinstance(value, list | tuple | bytes | np.ndarray) else type(value).__qualname__
    return text[:_LONG]
