"""Digests of the states of all generators, read at several moments of every step."""

from __future__ import annotations

import random
import struct
import sys
import weakref
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from xxhash import xxh3_128_digest

from samerun.errors import DiscoveryError
from samerun.rng.discovery import private_sources
from samerun.rng.mersenne import WORDS
from samerun.rng.registry import global_sources
from samerun.rng.shared import SharedNumpy, SharedPython
from samerun.rng.source import Packed, Source
from samerun.tracing.format import pack_state

__all__ = ["Generators", "Reading"]

_GAUSS = struct.Struct("<?d")
_INT = struct.Struct("<i")
# torch's CPU generator: the size of its state, and where in it the number of words left is.
_TORCH_CPU, _LEFT = 5056, 8

# The bytes of those two are read where they lie, which takes less than their own functions.
_FAST: dict[str, Source[Any]] = {"python": SharedPython("python"), "numpy": SharedNumpy("numpy")}

_KINDS = (
    *(random.Random, np.random.Generator, np.random.RandomState, torch.Generator),
    *(np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64),
)


class Reading(NamedTuple):
    """A generator at one moment: the digest of its state, and its position in the words of a Mersenne Twister."""

    name: str
    digest: bytes
    position: int | None


class Generators:
    """All global generators, those that are variables of the script, and those inside what was looked into."""

    def __init__(self) -> None:
        self._sources: dict[str, Source[Any]] = {}
        self._private: dict[str, tuple[weakref.ref[Any], dict[str, Source[Any]]]] = {}

    def look_into(self, label: str, owner: Any) -> str | None:
        """Look for generators inside an object; return what stood in the way, if anything.

        Args:
            label: what their names begin with, such as ``Photos[1000]``.
            owner: is not kept alive; its generators are until :meth:`refresh` finds it gone.
        """
        try:
            found = private_sources((owner,), bulk=False)
        except DiscoveryError as error:
            return str(error)
        named = {label + name.removeprefix("objects[0]"): source for name, source in found.items()}
        self._private[label] = (weakref.ref(owner), named)
        return None

    def refresh(self) -> None:
        """Look which generators there are: devices that were initialised, variables of the script, owners that went."""
        self._private = {label: held for label, held in self._private.items() if held[0]() is not None}
        self._sources = {name: _FAST.get(name, source) for name, source in global_sources().items()}
        self._sources.update(_variables())
        for _, held in self._private.values():
            self._sources.update(held)

    def read(self) -> list[Reading]:
        """Return a reading of each, without drawing; takes 5 µs for the three global ones."""
        return [_read(name, source) for name, source in self._sources.items()]

    def states(self) -> Iterable[tuple[str, bytes]]:
        """Return the whole state of each, packed, by name."""
        return [(name, pack_state(source.pack(source.read()))) for name, source in self._sources.items()]


def _variables() -> dict[str, Source[Any]]:
    """Return the generators that are variables of the script."""
    script = sys.modules.get("__main__")
    held = {} if script is None else {name: value for name, value in vars(script).items() if type(value) in _KINDS}
    return {f"__main__.{name}": source for name, value in held.items() for source in private_sources((value,)).values()}


def _read(name: str, source: Source[Any]) -> Reading:
    native = source.read()
    memory: bytes | None = getattr(native, "memory", None)
    if memory is not None and name == "python":
        tail = _GAUSS.pack(native.gauss is not None, native.gauss or 0.0)
        return Reading(name, xxh3_128_digest(memory + tail), _INT.unpack_from(memory)[0])
    if memory is not None:
        return Reading(name, xxh3_128_digest(memory + native.cached), _INT.unpack_from(memory, len(memory) - 4)[0])
    if isinstance(native, torch.Tensor) and native.numel() == _TORCH_CPU:
        state = native.numpy()
        return Reading(name, xxh3_128_digest(state), WORDS + 1 - _INT.unpack_from(state, _LEFT)[0])
    packed = source.pack(native)
    return Reading(name, xxh3_128_digest(pack_state(packed)), _position(packed))


def _position(packed: Packed) -> int | None:
    found = packed.fields.get("position", packed.fields.get("state.pos"))
    return None if found is None else int(found.reshape(-1)[0])
