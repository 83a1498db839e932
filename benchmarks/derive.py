"""Deriving a seed by path, in the loop that needs it most: once per item."""

from __future__ import annotations

from hashlib import blake2b

from benchmarks.harness import Comparison, Loop, Target
from samerun.derive import derive

_KEYS = 1000


def rows() -> list[Comparison]:
    """Return the row about one key."""
    return [
        Comparison(
            'derive(42, "item", 3, i)',
            'blake2b(b"42/item/3/%d" % i)',
            Loop(_derived, units=_KEYS),
            Loop(_hashed, units=_KEYS),
            Target("ours", 1e-6),
        )
    ]


def _derived() -> None:
    for i in range(_KEYS):
        derive(42, "item", 3, i)


def _hashed() -> None:
    for i in range(_KEYS):
        blake2b(b"42/item/3/%d" % i, digest_size=8).digest()
