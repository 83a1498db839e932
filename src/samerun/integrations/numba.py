"""Numba's generators, which compiled functions draw from in place of Python's and NumPy's.

``random.random()`` and ``np.random.rand()`` inside ``@njit`` do not use the generators of those libraries but Mersenne
Twisters of Numba's own, seeded from the operating system; seeding outside does not reach them. Registered under the
entry-point group ``samerun.rng_sources``.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from samerun.errors import Problem, StateError
from samerun.rng import Field, Packed, Source, expect_fields

__all__ = ["NumbaSource", "sources"]

_WORDS = 624


class _State(ctypes.Structure):
    """Numba's ``rnd_state_t``, from ``numba/_random.c``; its own ``rnd_get_state`` leaves the cached gaussian out."""

    _fields_ = (
        ("index", ctypes.c_int),
        ("words", ctypes.c_uint * _WORDS),
        ("has_gauss", ctypes.c_int),
        ("gauss", ctypes.c_double),
        ("is_initialized", ctypes.c_int),
    )


_FIELDS = {
    "words": Field(torch.uint32, (_WORDS,)),
    "position": Field(torch.int64, (), 0, _WORDS),
    "has_gauss": Field(torch.int64, (), 0, 1),
    "gauss": Field(torch.float64),
}


class NumbaSource(Source[bytes]):
    """The generator of one library's functions inside compiled code, for the calling thread.

    What is captured: the words, the position and the cached gaussian. What is not: the generators of other threads,
    such as those of ``prange``; Numba keeps one for each.
    """

    write_cannot_fail = True

    def __init__(self, name: str, address: Callable[[], int], seed: Callable[[int, int | bytes], None]) -> None:
        super().__init__(name)
        self._address = address
        self._seed = seed

    def read(self) -> bytes:
        return ctypes.string_at(self._address(), ctypes.sizeof(_State))

    def write(self, native: bytes) -> None:
        ctypes.memmove(self._address(), native, ctypes.sizeof(_State))

    def seed(self, seed: int) -> None:
        self._seed(self._address(), seed if seed < 2**32 else seed.to_bytes(8, "little"))

    def rewind(self) -> bool:
        self.write(bytes(ctypes.sizeof(_State)))  # not initialised, so Numba seeds it from the system at the next draw
        return True

    @classmethod
    def pack(cls, native: bytes) -> Packed:
        state = _State.from_buffer_copy(native)
        fields = {
            "words": torch.from_numpy(np.array(state.words, dtype=np.uint32)),
            "position": torch.tensor(state.index, dtype=torch.int64),
            "has_gauss": torch.tensor(state.has_gauss, dtype=torch.int64),
            "gauss": torch.tensor(state.gauss, dtype=torch.float64),
        }
        return Packed("numba", fields)

    def unpack(self, packed: Packed) -> bytes:
        fields = expect_fields(self.name, packed, "numba", _FIELDS)
        words = fields["words"].numpy()
        if not words.any():
            raise StateError([Problem(self.name, "624 words that are all zero", "a state of the Mersenne Twister")])
        state = _State(
            index=int(fields["position"]),
            words=tuple(words.tolist()),
            has_gauss=int(fields["has_gauss"]),
            gauss=float(fields["gauss"]),
            is_initialized=1,
        )
        return bytes(state)


def sources() -> Iterable[Source[bytes]]:
    """Return Numba's two generators if Numba is imported; this never imports it."""
    helpers: Any = sys.modules.get("numba._helperlib")  # a C module, loaded with Numba
    if helpers is None:
        return ()

    return (
        NumbaSource("numba.python", helpers.rnd_get_py_state_ptr, helpers.rnd_seed),
        NumbaSource("numba.numpy", helpers.rnd_get_np_state_ptr, helpers.rnd_seed),
    )
