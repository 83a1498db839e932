"""Seeds derived by path: the same path always gives the same seed, another path another one.

``seed + rank`` and ``seed + epoch`` collide (``41 + 1 == 42 + 0``); a path does not. Standard library only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from operator import index
from typing import SupportsIndex

__all__ = ["derive", "deriver"]

# Enters every key, so that another definition of the encoding could never give the same seeds.
_PERSON = b"samerun.derive/1"


def derive(*path: SupportsIndex | str) -> int:
    """``derive(root, *path)``: return the 64-bit seed that belongs to a path.

    A pure function: no history, no global state, the same on every platform and in every version of samerun
    (golden values are in the tests). Integers and strings are told apart (``1`` and ``"1"`` differ), and so
    are the places where one element ends and the next begins (``(1, 23)`` and ``(12, 3)`` differ).

    Args:
        *path: a root, usually the seed of the run, and whatever leads from it to the one who draws: integers of either
            sign and up to 4,300 digits (NumPy's too), and strings. Not bool, which equals 0 and 1 in Python, and
            not float.

    Returns:
        An integer in ``[0, 2**64)``. Among ``n`` paths the chance of any two equal seeds is about
        ``n**2 / 2**65``.

    Raises:
        TypeError: for an element of another type, or none at all.

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
    try:
        # Loops vary the last element, so what comes before it is hashed once and copied.
        digest = _prefix(*path[:-1]).copy()  # type: ignore[arg-type]  # what cannot be hashed is refused below
        last = path[-1]
        digest.update(b"i%d;" % last if type(last) is int else _encode(last))
    except (TypeError, IndexError):  # something else than exact int and str, such as an integer of NumPy
        if not path:
            raise TypeError("derive takes a root and a path, and got nothing") from None
        return derive(*map(_plain, path))
    return int.from_bytes(digest.digest(), "little")


def deriver(*prefix: SupportsIndex | str) -> Callable[[int], int]:
    """Return the function ``n -> derive(*prefix, n)`` of plain integers, for loops that derive one seed per turn.

    Raises:
        TypeError: for an element of the prefix that no path has.

    >>> deriver(42, "epoch")(0) == derive(42, "epoch", 0)
    True
    """
    try:
        digest_of_prefix = _prefix(*prefix)  # type: ignore[arg-type]  # as in derive
    except TypeError:
        digest_of_prefix = _prefix(*map(_plain, prefix))
    copy, from_bytes = digest_of_prefix.copy, int.from_bytes

    def derived(number: int) -> int:
        digest = copy()
        digest.update(b"i%d;" % number)
        return from_bytes(digest.digest(), "little")

    return derived


# typed, because 1 and True are equal and only one of them is an element.
@lru_cache(maxsize=1024, typed=True)
def _prefix(*parts: object) -> blake2b:
    digest = blake2b(digest_size=8, person=_PERSON)
    for part in parts:
        digest.update(_encode(part))
    return digest


def _encode(part: object) -> bytes:
    if type(part) is int:
        return b"i%d;" % part
    if type(part) is not str:
        raise TypeError(type(part))
    text = part.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(text), text)


def _plain(part: object) -> int | str:
    if isinstance(part, str):
        return str.__str__(part)  # the value, whatever a subclass prints
    # bool and numpy.bool_, which older versions of NumPy let pass as an integer
    if type(part).__name__ in ("bool", "bool_") or not hasattr(type(part), "__index__"):
        raise TypeError(f"a path is made of integers and strings, not {part!r} ({type(part).__name__})")
    return index(part)  # type: ignore[arg-type]  # __index__ was looked up above
