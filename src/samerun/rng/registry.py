"""The registry of RNG sources: the built-in families, and those other packages bring by entry point."""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import torch

from samerun.errors import RegistryError
from samerun.plugins import registered
from samerun.rng.numpy import RandomStateSource
from samerun.rng.python import PythonSource
from samerun.rng.source import Family, Source
from samerun.rng.torch import DeviceFamily, GeneratorSource, mps_sources

__all__ = ["ENTRY_POINT_GROUP", "families", "global_sources", "global_sources_with"]

#: Packages name a function without arguments here that returns the :class:`Source` objects existing now.
ENTRY_POINT_GROUP = "samerun.rng_sources"

# In the order in which sources are captured and restored. These are always there ...
_ALWAYS: dict[str, Source[Any]] = {
    source.name: source
    for source in (
        PythonSource("python", random),
        RandomStateSource("numpy", np.random),
        GeneratorSource("torch.cpu", torch.default_generator),
    )
}
# ... and these come and go. A new device is a new line.
_BUILT_IN: tuple[Family, ...] = (
    DeviceFamily("torch.cuda", torch.cuda),
    DeviceFamily("torch.xpu", torch.xpu),
    Family("torch.mps", mps_sources),
)


@cache
def families() -> tuple[Family, ...]:
    """Return the families of sources that come and go; entry points are looked up once per process.

    Raises:
        RegistryError: if an entry point cannot be loaded or is not callable.
    """
    return (*_BUILT_IN, *_registered())


def _registered() -> Iterable[Family]:
    for provider, function in registered(ENTRY_POINT_GROUP, RegistryError):
        if not callable(function):
            raise RegistryError(provider, f"is {function!r}, not a function that returns sources")
        yield Family(provider, function)


def global_sources() -> dict[str, Source[Any]]:
    """Return every global source that exists now, by name. Looking initialises nothing.

    Raises:
        RegistryError: if a registered function fails, returns something else, or uses a name twice.
    """
    sources = _ALWAYS.copy()
    for family in families():
        for source in _ask(family):
            if not isinstance(source, Source):
                raise RegistryError(family.name, f"gave {source!r}, which is not a samerun.rng.Source")
            if source.name in sources:
                raise RegistryError(family.name, f"gave a second source named {source.name!r}")
            sources[source.name] = source
    return sources


def global_sources_with(names: Iterable[str]) -> dict[str, Source[Any]]:
    """Return every global source, after bringing those of these names into existence that can be had here."""
    sources = global_sources()
    if all(name in sources for name in names):
        return sources
    for family in families():
        family.wake(names)
    return global_sources()


def _ask(family: Family) -> list[Source[Any]]:
    try:
        return list(family.sources())
    except Exception as error:
        raise RegistryError(family.name, f"failed: {type(error).__name__}: {error}") from error
