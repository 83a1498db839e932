"""Telling large containers of plain data, such as a dataset's million rows, by a look at some of their elements."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
import torch

__all__ = ["LEAVES", "is_bulk"]

#: Types that never hold a generator and may be there by the million; exact types, for speed.
LEAVES: frozenset[type] = frozenset(
    {
        *(str, bytes, bytearray, int, float, complex, bool, type(None), range, slice, torch.Tensor),
        *(np.dtype(code).type for code in np.typecodes["All"] if code != "O"),  # NumPy's scalars
    }
)

# From how many elements on a container is judged by a sample, how many are looked at, and how deep.
_LARGE, _SAMPLE, _DEPTH = 1000, 100, 4


def is_bulk(value: Any) -> bool:
    """Return whether a container has more than 1,000 elements, and 100 of them, evenly spaced, are plain data.

    Plain data are numbers, strings, arrays and tensors, and containers of them. The containers are lists, tuples,
    deques, sets, dicts (their values) and arrays of objects; subclasses are not, and whoever holds a generator in one
    row of thousands of plain ones is not found out.
    """
    elements = _elements(value)
    return elements is not None and len(value) > _LARGE and _all_plain(elements, len(value), _DEPTH)


def _elements(value: Any) -> Iterable[Any] | None:
    kind = type(value)
    if kind is dict:
        return dict.values(value)
    if kind is np.ndarray and value.dtype.hasobject and value.ndim == 1:
        return value  # type: ignore[no-any-return]  # an array iterates
    return value if kind in (list, tuple, deque, set, frozenset) else None


def _all_plain(elements: Iterable[Any], count: int, depth: int) -> bool:
    return all(_is_plain(element, depth) for element in islice(elements, 0, None, max(count // _SAMPLE, 1)))


def _is_plain(element: Any, depth: int) -> bool:
    kind = type(element)
    if kind in LEAVES or (kind is np.ndarray and not element.dtype.hasobject):
        return True
    inner = _elements(element)
    return inner is not None and depth > 0 and _all_plain(inner, len(element), depth - 1)
