"""Where generators are in their sequences: read fast enough to be compared after every line of code."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import torch
from torch.utils._python_dispatch import _disable_current_modes
from xxhash import xxh3_128_digest

from samerun.rng.compare import compare
from samerun.rng.registry import global_sources
from samerun.rng.shared import SharedNumpy, SharedPython
from samerun.rng.source import Source

__all__ = ["Move", "Position", "generator_bytes", "shared_sources"]

Native = TypeVar("Native")

# Draws that are searched for in each direction: 2 ms where a generator was seeded and no path leads anywhere.
_BOUND = 500_000


def shared_sources() -> dict[str, Source[Any]]:
    """Return the global sources by name, those of Python and NumPy in the form that is read fastest."""
    return {**global_sources(), "python": SharedPython("python"), "numpy": SharedNumpy("numpy")}


def generator_bytes(generator: torch.Generator) -> bytes:
    """Return the state of a torch generator as bytes; no operation is dispatched for it."""
    return _bytes(generator.get_state())


@dataclass(frozen=True, slots=True)
class Move:
    """How a generator moved.

    Attributes:
        how: ``"drew"``, or ``"set"`` where no draws lead to the new state: it was seeded, restored or moved back.
        count: of draws, as :class:`~samerun.rng.SourceDiff` counts them; ``None`` where it is not known.
    """

    how: Literal["drew", "set"]
    count: int | None


class Position(Generic[Native]):
    """The state of one generator when it was last looked at. Looking draws nothing and changes nothing."""

    def __init__(self, source: Source[Native]) -> None:
        self.source = source
        self._native = source.read()
        self._plain = _plain(self._native)

    def move(self) -> Move | None:
        """Return how the generator moved since the last look, or ``None`` if it did not."""
        native = self.source.read()
        plain = _plain(native)
        if plain == self._plain:
            return None
        before, self._native, self._plain = self._native, native, plain
        return self._between(before, native)

    @property
    def digest(self) -> bytes:
        """16 bytes that stand for the state."""
        return xxh3_128_digest(repr(self._plain).encode())

    def _between(self, before: Native, after: Native) -> Move:
        with _disable_current_modes():  # states are packed and compared by torch's operations, which are nobody's
            found = compare({"": self.source.pack(before)}, {"": self.source.pack(after)}, _BOUND)[""]
        if found.text == "differs":  # an algorithm whose draws are not counted
            return Move("drew", None)
        return Move("set", None) if found.draws is None or found.draws < 0 else Move("drew", found.draws)


def _plain(native: Any) -> Any:
    """Return a state as something that ``==`` compares in full."""
    kind = type(native)
    if kind is torch.Tensor:
        return _bytes(native)
    if kind is np.ndarray:
        return native.tobytes()
    if kind is dict:
        return [(key, _plain(value)) for key, value in native.items()]
    if kind is tuple and any(isinstance(value, np.ndarray | dict) for value in native[:2]):
        return [_plain(value) for value in native]
    return native


def _bytes(state: torch.Tensor) -> bytes:
    return ctypes.string_at(state.data_ptr(), state.nbytes)
