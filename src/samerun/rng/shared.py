"""The generators that everyone shares in Python and in NumPy, read and written where their words lie in memory.

Their own functions take 9 and 30 µs, because they convert word by word; copying the bytes takes less than 1 µs, and a
loader does it for every batch. How the memory is laid out is tried on spare generators first. Where it is laid out
otherwise, their own functions are used. The bytes are those of one moment only while no other thread draws, so this is
for a loader's fetch, and not for :func:`samerun.capture`.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from ctypes import c_char
from typing import Any, NamedTuple

import numpy as np

from samerun.rng.numpy import RandomStateSource, global_bit_generator
from samerun.rng.python import PythonSource
from samerun.rng.source import Packed, Source

__all__ = ["SharedNumpy", "SharedPython"]

_WORDS = 624 * 4
_INT = 4

# CPython's Modules/_randommodule.c: after the object's head, int index; uint32_t state[624].
_PYTHON_HEAD, _PYTHON_SIZE = object.__basicsize__, _INT + _WORDS
# numpy/random/src/mt19937/mt19937.h: uint32_t key[624]; int pos.
_NUMPY_SIZE = _WORDS + _INT
# numpy/random/src/legacy/legacy-distributions.h, inside a RandomState: int has_gauss; double gauss.
_CACHED = struct.Struct("i4xd")


def _memory(address: int, size: int) -> memoryview:
    return memoryview((c_char * size).from_address(address)).cast("B")


class _Python(NamedTuple):
    """The bytes of a ``random.Random``, and its cached gaussian."""

    memory: bytes
    gauss: float | None

    def native(self) -> tuple[int, tuple[int, ...], float | None]:
        """Return it as ``random.getstate`` would."""
        position, *words = np.frombuffer(self.memory, np.uint32).tolist()
        return random.Random.VERSION, (*words, position), self.gauss


class SharedPython(PythonSource):
    """``random``, by its memory."""

    _shared: Any = random.random.__self__  # type: ignore[attr-defined]  # a method of the hidden instance
    _memory = _memory(id(_shared) + _PYTHON_HEAD, _PYTHON_SIZE)

    def read(self) -> Any:
        if not _PYTHON_IS_KNOWN:
            return super().read()
        return _Python(self._memory.tobytes(), self._shared.gauss_next)

    def write(self, native: Any) -> None:
        if not isinstance(native, _Python):
            super().write(native)
        elif not _PYTHON_IS_KNOWN:
            super().write(native.native())
        else:
            self._memory[:] = native.memory
            self._shared.gauss_next = native.gauss

    @classmethod
    def pack(cls, native: Any) -> Packed:
        return super().pack(native.native() if isinstance(native, _Python) else native)


def _python_is_known() -> bool:
    spare, other = random.Random(1), random.Random(2)
    if type(SharedPython._shared) is not random.Random or random.Random.__basicsize__ < _PYTHON_HEAD + _PYTHON_SIZE:
        return False
    found = _memory(id(other) + _PYTHON_HEAD, _PYTHON_SIZE)
    if _Python(found.tobytes(), None).native() != other.getstate():
        return False
    _memory(id(spare) + _PYTHON_HEAD, _PYTHON_SIZE)[:] = found
    return spare.getstate() == other.getstate()


_PYTHON_IS_KNOWN = _python_is_known()


class _Numpy(NamedTuple):
    """The bytes of the Mersenne Twister under the legacy functions, and those of the cached gaussian."""

    memory: bytes
    cached: bytes

    def native(self) -> tuple[str, np.ndarray[Any, np.dtype[np.uint32]], int, int, float]:
        """Return it as ``np.random.get_state`` would."""
        words = np.frombuffer(self.memory, np.uint32)
        has_gauss, gauss = _CACHED.unpack(self.cached)
        return "MT19937", words[:-1].copy(), int(words[-1]), has_gauss, gauss


_NUMPY: np.random.RandomState = np.random.get_state.__self__  # type: ignore[attr-defined]  # as with random


def _cached_offset() -> int:
    """Return where in a ``RandomState`` the cached gaussian is, or 0 if that cannot be told."""
    spare = np.random.RandomState(1)
    inside = _memory(id(spare), type(spare).__basicsize__)
    words = np.ones(624, np.uint32)
    offset = 0
    for cached in ((1, 0.34375), (0, 0.65625), (1, -1.625)):
        spare.set_state(("MT19937", words, 624, *cached))
        found = inside.tobytes().find(_CACHED.pack(*cached))
        if found <= 0 or offset not in (0, found):
            return 0
        offset = found
    inside[offset : offset + _CACHED.size] = _CACHED.pack(1, 2.5)
    return offset if spare.standard_normal() == 2.5 and type(_NUMPY) is type(spare) else 0


_CACHED_OFFSET = _cached_offset()


class SharedNumpy(RandomStateSource):
    """``np.random``, by its memory, of which NumPy tells the address (``BitGenerator.ctypes.state_address``).

    A generator of another algorithm under the legacy functions is handled as in the base class.
    """

    def __init__(self, name: str) -> None:
        Source.__init__(self, name)
        self._rng = np.random
        self._cached = _memory(id(_NUMPY) + _CACHED_OFFSET, _CACHED.size)
        # The bit generator that was there last, and its words if they are a Mersenne Twister's.
        self._looked_up: tuple[object, memoryview | None] = None, None

    def _words(self) -> memoryview | None:
        generator = global_bit_generator()
        found, words = self._looked_up
        if generator is not found:
            known = _CACHED_OFFSET and type(generator) is np.random.MT19937
            words = _memory(generator.ctypes.state_address, _NUMPY_SIZE) if known else None
            self._looked_up = generator, words
        return words

    def read(self) -> Any:
        if (words := self._words()) is None:
            return super().read()
        return _Numpy(words.tobytes(), self._cached.tobytes())

    def write(self, native: Any) -> None:
        if not isinstance(native, _Numpy):
            super().write(native)
        elif (words := self._words()) is None:
            super().write(native.native())
        else:
            words[:] = native.memory
            self._cached[:] = native.cached

    def same(self, first: Any, second: Any) -> bool:
        if isinstance(first, _Numpy) and isinstance(second, _Numpy):
            return first == second
        return super().same(first, second)

    def seeder(self) -> Callable[[int], None]:
        """Return the fastest function that seeds the generator that is there now, with 32 bits."""
        return _seed if type(global_bit_generator()) is np.random.MT19937 else self.seed

    @classmethod
    def pack(cls, native: Any) -> Packed:
        return super().pack(native.native() if isinstance(native, _Numpy) else native)

    def unpack(self, packed: Packed) -> Any:
        return RandomStateSource(self.name).unpack(packed)


# The function itself, whatever stands under its name while a run is under way.
_seed: Callable[[int], None] = np.random.seed
