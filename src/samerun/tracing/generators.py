"""Digests of the states of all generators, read at several moments of every step."""

from __future__ import annotations

import struct
import sys
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Reading:
    """A generator at one moment: the digest of its state, and its position in the words of a Mersenne Twister."""

    name: str
    digest: bytes
    position: int | None


class Generators:
    """All global generators, and the private ones inside what was looked into."""

    def __init__(self) -> None:
        self._sources: dict[str, Source[Any]] = {}
        self._private: dict[str, tuple[Callable[[], object], dict[str, Source[Any]]]] = {}
        self.refresh()

    def look_into(self, label: str, owner: Any) -> list[str]:
        """Look for generators inside an object, of which no other is kept; return what stood in the way.

        Args:
            label: what their names begin with, such as ``loader[0]``.
            owner: is not kept alive.
        """
        try:
            found = private_sources((owner,), bulk=False)
        except DiscoveryError as error:
            return [str(error)]
        named = {label + name.removeprefix("objects[0]"): source for name, source in found.items()}
        if named:
            self._private[label] = (weakref.ref(owner), named)
        return []

    def refresh(self) -> None:
        """Look which generators there are: devices that were initialised, variables of the script, owners that went."""
        self._private = {label: found for label, found in self._private.items() if found[0]() is not None}
        sources = {name: _FAST.get(name, source) for name, source in global_sources().items()}
        seen = {id(_generator(source)) for _, held in self._private.values() for source in held.values()}
        for name, source in _variables().items():
            if id(_generator(source)) not in seen:
                sources[name] = source
        for _, held in self._private.values():
            sources.update(held)
        self._sources = sources

    def read(self) -> list[Reading]:
        """Return a reading of each, without drawing; about 3 µs for the three global ones."""
        return [_read(name, source) for name, source in self._sources.items()]

    def states(self) -> Iterable[tuple[str, bytes]]:
        """Return the whole state of each, packed, by name."""
        return [(name, pack_state(source.pack(source.read()))) for name, source in self._sources.items()]


def _variables() -> dict[str, Source[Any]]:
    """Return the generators that are variables of the script."""
    script = sys.modules.get("__main__")
    found = vars(script) if script is not None else {}
    kinds = _kinds()
    held = {f".{name}": value for name, value in list(found.items()) if type(value) in kinds}
    sources: dict[str, Source[Any]] = {}
    for name, value in held.items():
        (source,) = private_sources((value,)).values() or (None,)
        if source is not None:
            sources[f"__main__{name}"] = source
    return sources


def _read(name: str, source: Source[Any]) -> Reading:
    native = source.read()
    memory = getattr(native, "memory", None)
    if memory is not None and name == "python":
        gauss = native.gauss
        tail = _GAUSS.pack(gauss is not None, gauss or 0.0)
        return Reading(name, xxh3_128_digest(memory + tail), _INT.unpack_from(memory)[0])
    if memory is not None:
        return Reading(name, xxh3_128_digest(memory + native.cached), _INT.unpack_from(memory, len(memory) - 4)[0])
    if type(native) is _Tensor and native.numel() == _TORCH_CPU:
        buffer = native.numpy()
        return Reading(name, xxh3_128_digest(buffer), WORDS + 1 - _INT.unpack_from(buffer, _LEFT)[0])
    packed = source.pack(native)
    return Reading(name, xxh3_128_digest(pack_state(packed)), _position(packed))
