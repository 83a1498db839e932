"""States of sources as a journal keeps them: packed by source name, and the very same object where nothing moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch

from samerun.rng.source import Packed, Source
from samerun.rng.state import RngState

__all__ = ["Kept", "Reader", "State", "changed", "pack", "read"]

#: The states of sources at one moment, by name. Two of them share the object of a source that did not move in between.
State: TypeAlias = Mapping[str, Packed]


def read(sources: Iterable[Source[Any]], known: State) -> State:
    """Read the sources; where the bits are those of ``known``, the result has its object. Draws nothing."""
    return {source.name: _shared(source.pack(source.read()), known.get(source.name)) for source in sources}


def pack(state: RngState, known: State) -> State:
    """Return what a stream keeps, as :func:`read` returns what a source is in."""
    return {name: _shared(state.packed(name), known.get(name)) for name in state}


def changed(before: State, after: State) -> tuple[str, ...]:
    """Return the names of the sources that are in both and moved."""
    return tuple(name for name, packed in after.items() if before.get(name, packed) is not packed)


# A longer tuple is one of numbers, as Python's generator gives.
_MANY = 10


class Reader:
    """Reads the same sources again and again; packs only those that moved since the last time, which takes longest."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Source[Any], object, Packed]] = {}

    def read(self, sources: Iterable[Source[Any]]) -> State:
        """Return the states of the sources now. Draws nothing."""
        last, self._last = self._last, {}
        for source in sources:
            native = source.read()
            reader, before, packed = last.get(source.name, (None, None, None))
            if packed is None or reader is not source or not _alike(before, native):
                packed = _shared(source.pack(native), packed)
            self._last[source.name] = source, native, packed
        return {name: packed for name, (_, _, packed) in self._last.items()}


class Kept(RngState):
    """A kept state in the form that is restored and given to streams."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self._packed = dict(state)


def _alike(first: Any, second: Any) -> bool:
    """Return whether two states in their library's own form have the same bits; ``False`` where it cannot be told."""
    if type(first) is not type(second):
        return False
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, np.ndarray):
        return bool(first.dtype == second.dtype and first.tobytes() == second.tobytes())
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_alike(value, second[key]) for key, value in first.items())
    if isinstance(first, tuple) and len(first) < _MANY:
        return len(first) == len(second) and all(map(_alike, first, second))
    return bool(first == second)


def _shared(packed: Packed, known: Packed | None) -> Packed:
    return known if known is not None and _same_bits(packed, known) else packed


def _same_bits(first: Packed, second: Packed) -> bool:
    if first.kind != second.kind or first.fields.keys() != second.fields.keys():
        return False
    pairs = ((tensor.numpy(), second.fields[name].numpy()) for name, tensor in first.fields.items())
    return all(ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes() for ours, theirs in pairs)
