"""The shuffled order of an epoch as a pure function: ordinal -> index, in constant memory and from any place on."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from samerun.derive import derive

__all__ = ["Permutation"]

_Array: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.uint64]]"

# Up to here the whole order is sorted once, which is a uniformly random permutation and costs less than the rounds.
_TABLE = 4096
# 8 pass the tests of position uniformity and of gaps at all sizes above the table.
_ROUNDS = 8

_U = np.uint64
_GOLDEN, _MIX1, _MIX2 = _U(0x9E3779B97F4A7C15), _U(0xBF58476D1CE4E5B9), _U(0x94D049BB133111EB)
_HALF = _U(32)


class Permutation:
    """A permutation of ``0 .. size - 1`` that is chosen by a key.

    Args:
        size: how many there are, 0 to ``2**62``.
        key: an integer in ``[0, 2**64)``; another key gives another permutation.

    A pure function, the same on every platform and in every version of samerun (golden values are in the tests).

    Up to 4,096 elements it sorts the outputs of SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom
    number generators", OOPSLA 2014), seeded by the key. Above, it is a generalised Feistel network of 8 rounds on an
    ``a x b`` rectangle just larger than ``size``, with cycle-walking for what falls outside (J. Black, P. Rogaway,
    "Ciphers with arbitrary finite domains", CT-RSA 2002), whose round keys are ``derive(key, "round", number)``. It
    is shuffling, not cryptography.

    >>> sorted(Permutation(5, key=1)(np.arange(5)).tolist())
    [0, 1, 2, 3, 4]
    """

    def __init__(self, size: int, key: int) -> None:
        if not 0 <= size <= 2**62:
            raise ValueError(f"size must be from 0 to 2**62, not {size}")
        self.size = size
        self._table: _Array | None = None
        if size <= _TABLE:
            outputs = _split_mix(np.arange(1, size + 1, dtype=_U) * _GOLDEN + _U(key))
            self._table = np.argsort(outputs, kind="stable").astype(_U)
            return
        rows = math.isqrt(size - 1) + 1
        self._sides = _U(rows), _U(-(-size // rows))
        self._keys = [_U(derive(key, "round", number)) for number in range(_ROUNDS)]

    def __call__(self, ordinals: np.ndarray) -> np.ndarray:
        """Return the indices at the given ordinals (integers, each at least 0), ``uint64[n]``.

        Ordinals from ``size`` on begin again at the front.
        """
        places = np.asarray(ordinals).astype(_U) % _U(max(self.size, 1))
        if self._table is not None:
            chosen: _Array = self._table[places]
            return chosen
        indices = self._rounds(places)
        while (outside := np.flatnonzero(indices >= _U(self.size))).size:
            indices[outside] = self._rounds(indices[outside])
        return indices

    def _rounds(self, places: _Array) -> _Array:
        rows, columns = self._sides
        row, column = places % rows, places // rows
        for number, key in enumerate(self._keys):
            if number % 2 == 0:
                row = _shifted(row, column, key, rows)
            else:
                column = _shifted(column, row, key, columns)
        return column * rows + row


def _shifted(half: _Array, other: _Array, key: np.uint64, side: np.uint64) -> _Array:
    """Return ``(half + F(other)) mod side``, where the keyed ``F`` is spread evenly over ``0 .. side - 1``."""
    mixed = (other ^ key) * _MIX1
    mixed ^= mixed >> _HALF
    mixed *= _MIX2
    # The upper 32 bits, as a fraction of the side, which is below 2**32.
    half = half + (((mixed >> _HALF) * side) >> _HALF)
    return np.where(half >= side, half - side, half)


def _split_mix(words: _Array) -> _Array:
    words = (words ^ (words >> _U(30))) * _MIX1
    words = (words ^ (words >> _U(27))) * _MIX2
    return words ^ (words >> _U(31))
