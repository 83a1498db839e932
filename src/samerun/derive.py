"""Seeds derived by path: the same path always gives the same seed, another path another one.

``seed + rank`` and ``seed + epoch`` collide (``41 + 1 == 42 + 0``); a path does not. Standard library only.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from operator import index
from typing import SupportsIndex

__all__ = ["derive"]

# Enters every key, so that another definition of the encoding could never give the same seeds.
_PERSON = b"samerun.derive/1"


def derive(root: SupportsIndex, *path: SupportsIndex | str) -> int:
    """Return the 64-bit seed that belongs to ``path`` under ``root``.

    A pure function: no history, no global state, the same on every platform and in every version of samerun
    (golden values are in the tests). Integers and strings are told apart (``1`` and ``"1"`` differ), and so
    are the places where one element ends and the next begins (``(1, 23)`` and ``(12, 3)`` differ).

    Args:
        root: an integer of any size, usually the seed of the run.
        *path: integers of any size and sign (NumPy's too) and strings. Not bool, which equals 0 and 1 in
            Python, and not float.

    Returns:
        An integer in ``[0, 2**64)``. Among ``n`` paths the chance of any two equal seeds is about
        ``n**2 / 2**65``.

    Raises:
        TypeError: for an element of another type.

    The seed is the first 8 bytes, little-endian, of BLAKE2b (RFC 7693; ``digest_size=8``,
    ``person=b"samerun.derive/1"``) over the elements one after the other: an integer as ``i<decimal>;``, a
    string as ``s<length in bytes>:<UTF-8>`` (lone surrogates as in Python's ``surrogatepass``).

    >>> derive(42, "item", 0, 17) == derive(42, "item", 0, 17)
    True
    >>> derive(42, 1, 23) == derive(42, 12, 3)
    False
    >>> derive(42, "epoch", 0)
    13818843417405442295
    """
    key = (root, *path)
    for part in key:
        if type(part) is not int and type(part) is not str:
            key = tuple(map(_plain, key))
            break
    # Loops vary the last element, so what comes before it is hashed once and copied.
    digest = _prefix(key[:-1]).copy()
    digest.update(_encode(key[-1]))
    return int.from_bytes(digest.digest(), "little")


# Only exact int and str get here, so equal tuples are the same path (1 and True, which are equal, never meet).
@lru_cache(maxsize=1024)
def _prefix(parts: tuple[object, ...]) -> blake2b:
    digest = blake2b(digest_size=8, person=_PERSON)
    for part in parts:
        digest.update(_encode(part))
    return digest


def _encode(part: object) -> bytes:
    if type(part) is int:
        return b"i%d;" % part
    assert type(part) is str
    text = part.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(text), text)


def _plain(part: object) -> int | str:
    if isinstance(part, str):
        return str.__str__(part)  # the value, whatever a subclass prints
    if isinstance(part, bool) or not hasattr(type(part), "__index__"):
        raise TypeError(f"a path is made of integers and strings, not {part!r} ({type(part).__name__})")
    return index(part)  # type: ignore[arg-type]  # __index__ was looked up above
