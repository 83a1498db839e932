"""Telling whether a generator moved, for a fraction of what reading its state costs."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from typing import Any, TypeAlias

from samerun.data.legacy import LegacySource
from samerun.rng.source import Source

__all__ = ["Moved", "watch"]

#: Whether the generator has moved since it was watched.
Moved: TypeAlias = Callable[[], bool]

_SHARED: Any = random.random.__self__  # type: ignore[attr-defined]  # the hidden instance
# CPython's Modules/_randommodule.c: after the object's head, int index and uint32_t state[624].
_ADDRESS, _SIZE = id(_SHARED) + object.__basicsize__, 4 + 624 * 4


def watch(source: Source[Any]) -> Moved:
    """Return a function that tells whether a global generator moved since now."""
    if source.name == "python" and _LAYOUT_IS_KNOWN:
        before = _python()
        return lambda: _python() != before
    state = source.read()
    if isinstance(source, LegacySource) and (words := source.words(state)):
        # Without a cached gaussian no draw leaves the words alone.
        return lambda: source.memory() != words
    return lambda: not source.same(state, source.read())


def _python() -> tuple[bytes, float | None]:
    # By getstate() it would take 8 µs.
    return ctypes.string_at(_ADDRESS, _SIZE), _SHARED.gauss_next


def _compare() -> bool:
    if type(_SHARED).__basicsize__ < object.__basicsize__ + _SIZE:
        return False
    _, numbers, _ = _SHARED.getstate()
    found = memoryview(ctypes.string_at(_ADDRESS, _SIZE)).cast("I").tolist()
    return found == [numbers[-1], *numbers[:-1]]


_LAYOUT_IS_KNOWN = _compare()
