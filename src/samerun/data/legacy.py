"""NumPy's legacy global generator, read and written ten times faster than by its own functions."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from samerun.rng.numpy import RandomStateSource, global_bit_generator
from samerun.rng.source import Packed, Source

__all__ = ["LegacySource"]

# numpy/random/src/mt19937/mt19937.h: struct { uint32_t key[624]; int pos; }
_SIZE = 625 * 4

# The function itself, whatever stands under its name while a run is under way.
_seed: Callable[[int], None] = np.random.seed


@dataclass(frozen=True, slots=True)
class _Raw:
    """The bytes of the Mersenne Twister under the legacy functions, and the cached gaussian or ``None``."""

    memory: bytes
    gauss: float | None

    def by_numpy(self) -> tuple[str, np.ndarray[Any, np.dtype[np.uint32]], int, int, float]:
        """Return it as ``np.random.get_state`` would."""
        words = np.frombuffer(self.memory, np.uint32)
        return "MT19937", words[:-1].copy(), int(words[-1]), int(self.gauss is not None), self.gauss or 0.0


class LegacySource(RandomStateSource):
    """``np.random``, through the memory at the address that NumPy documents (``BitGenerator.ctypes.state_address``).

    ``np.random.get_state`` takes 30 µs, because it copies word by word; copying the memory takes 0.4 µs. The cached
    gaussian is not in it. Drawing one gaussian tells: a cached one comes out without a word being used, and what was
    drawn is put back. So this is for a place where no other thread draws, as a loader's fetch, and not for
    :func:`capture`.
    A generator of another algorithm is handled as in the base class.
    """

    def __init__(self, name: str) -> None:
        Source.__init__(self, name)
        self._rng = np.random

    def read(self) -> Any:
        if not (address := _address()):
            return super().read()
        memory = ctypes.string_at(address, _SIZE)
        gauss: float = np.random.standard_normal()
        was_cached = ctypes.string_at(address, _SIZE) == memory
        state = _Raw(memory, gauss if was_cached else None)
        self.write(state)
        return state

    def write(self, native: Any) -> None:
        address = _address()
        if not (address and isinstance(native, _Raw)):
            super().write(native.by_numpy() if isinstance(native, _Raw) else native)
        elif native.gauss is not None:
            np.random.set_state(native.by_numpy())
        else:
            _seed(0)  # forgets the cached gaussian
            ctypes.memmove(address, native.memory, _SIZE)

    def words(self, state: Any) -> bytes | None:
        """Return the bytes in a state, if they tell every draw: there is no cached gaussian, which moves none."""
        return state.memory if isinstance(state, _Raw) and state.gauss is None else None

    def memory(self) -> bytes | None:
        """Return the bytes now, or ``None`` if the algorithm is another one."""
        address = _address()
        return ctypes.string_at(address, _SIZE) if address else None

    def seeder(self) -> Callable[[int], None]:
        """Return the fastest function that seeds the generator that is there now, with 32 bits."""
        return _seed if _address() else self.seed

    def same(self, first: Any, second: Any) -> bool:
        if isinstance(first, _Raw) and isinstance(second, _Raw):
            return first == second
        return super().same(first, second)

    @classmethod
    def pack(cls, native: Any) -> Packed:
        return super().pack(native.by_numpy() if isinstance(native, _Raw) else native)

    def unpack(self, packed: Packed) -> Any:
        return RandomStateSource(self.name).unpack(packed)


def _address() -> int:
    """Return where the words are, or 0 if they are not a Mersenne Twister's."""
    generator = global_bit_generator()
    if type(generator) is not np.random.MT19937:
        return 0
    address: int = generator.ctypes.state_address
    return address
