"""Plain values: what an attribute may hold and a checkpoint too; told apart, compared, copied and put back in place."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Set
from typing import Any

import numpy as np
import torch
import xxhash
from torch.nn.parameter import is_lazy

from samerun.run.tracked.stateful import form
from samerun.state import fingerprint, first_difference

__all__ = ["SCALARS", "copied", "digest", "entry", "inside", "is_plain", "put_back", "size", "storage"]

#: Values that are never changed in place.
SCALARS = frozenset({type(None), bool, int, float, str, bytes})

_DEPTH = 8
# A format of marshal in which equal values have equal bytes, whoever else refers to them.
_MARSHAL = 2


def is_plain(value: Any, taken: Set[int], depth: int = _DEPTH) -> bool:
    """Return whether a value is made of scalars, NumPy's too, dense tensors, arrays, lists, tuples and dicts only.

    Args:
        value: any.
        taken: storages that are kept elsewhere; a tensor in one of them is a second name for that.
        depth: how deep containers may be.
    """
    kind = type(value)
    if kind in SCALARS:
        return True
    if kind is torch.Tensor:
        place = storage(value)
        return place is not None and (value.numel() == 0 or place not in taken)
    if kind is np.ndarray or issubclass(kind, np.generic):
        return value.dtype.kind in "biufc" and value.dtype.isnative
    if kind not in (dict, list, tuple) or depth == 0:
        return False
    keys = kind is not dict or {str, int}.issuperset(map(type, value))
    return keys and all(is_plain(item, taken, depth - 1) for _, item in _items(value))


def storage(tensor: torch.Tensor) -> int | None:
    """Return where a dense tensor's elements lie; ``None`` for one that is not dense."""
    if tensor.is_nested or is_lazy(tensor) or tensor.is_quantized or tensor.is_meta:
        return None
    try:
        return tensor.untyped_storage().data_ptr() if tensor.layout is torch.strided else None
    except (RuntimeError, NotImplementedError):  # a wrapper around others
        return None


def digest(value: Any) -> str:
    """Return what stands for the exact bits of a plain value; fast for scalars and containers of them."""
    if _is_scalar(value):
        return xxhash.xxh3_128_hexdigest(marshal.dumps(value, _MARSHAL))
    return fingerprint(_saved(value))


def _is_scalar(value: Any) -> bool:
    """Return whether there are only scalars in a value."""
    return type(value) in SCALARS or (
        type(value) in (dict, list, tuple) and all(_is_scalar(item) for _, item in _items(value))
    )


def size(value: Any) -> int:
    """Return the bytes of the tensors and arrays in a plain value."""
    if type(value) in (torch.Tensor, np.ndarray):
        return int(value.nbytes)
    return sum(size(item) for _, item in _items(value))


def inside(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the objects of a plain value that can be changed in place, by key path."""
    if type(value) in (torch.Tensor, np.ndarray, list, dict):
        yield path, value
    for key, item in _items(value):
        yield from inside(item, f"{path}[{key!r}]")


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    """Return what in a container is no scalar, of which there may be very many."""
    kind = type(value)
    if kind is dict:
        flat = SCALARS.issuperset(map(type, value.values()))
        return () if flat else [(key, item) for key, item in value.items() if type(item) not in SCALARS]
    if kind not in (list, tuple) or SCALARS.issuperset(map(type, value)):
        return ()
    return [(place, item) for place, item in enumerate(value) if type(item) not in SCALARS]


def entry(value: Any, before: dict[str, Any]) -> dict[str, Any]:
    """Return how a plain value is saved.

    ``value``: what it holds; ``same``: the key paths of what is the very object that was there before, so that others
    who hold it see what is put back; ``numpy``: those of NumPy's scalars, which are saved as arrays.

    Args:
        value: the value.
        before: what :func:`inside` said of the one before.
    """
    return {
        "value": _saved(value),
        "same": [path for path, found in inside(value) if before.get(path) is found],
        "numpy": [path for path, found in _leaves(value) if isinstance(found, np.generic)],
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if type(value) in (dict, list, tuple):
        for key, item in _items(value):
            yield from _leaves(item, f"{path}[{key!r}]")
    else:
        yield path, value


def _saved(value: Any) -> Any:
    kind = type(value)
    if kind is torch.Tensor:
        return value.detach()
    if kind is dict:
        return {**value, **{key: _saved(item) for key, item in _items(value)}}
    if kind in (list, tuple):
        listed = list(value)
        for place, item in _items(value):
            listed[place] = _saved(item)
        return kind(listed)
    return np.asarray(value) if isinstance(value, np.generic) else value


def copied(value: Any) -> Any:
    """Return a plain value that shares nothing with another."""
    kind = type(value)
    if kind is torch.Tensor:
        return value.detach().clone()
    if kind is dict:
        return {key: copied(item) for key, item in value.items()}
    if kind in (list, tuple):
        return kind(map(copied, value))
    return value.copy() if kind is np.ndarray else value


def put_back(saved: dict[str, Any], before: dict[str, Any], device: torch.device | None) -> Any:
    """Return a value as it was saved, in the objects that were there before where it was in these.

    Args:
        saved: what :func:`entry` gave; nothing of it is shared with the result.
        before: the objects that are there, by key path.
        device: for tensors that are made anew.
    """
    same, numpy = set(saved["same"]), set(saved["numpy"])

    def back(value: Any, path: str) -> Any:
        kind, there = type(value), before.get(path) if path in same else None
        if kind is torch.Tensor:
            return _tensor(value, there, device)
        if kind is np.ndarray:
            return value[()] if path in numpy else _array(value, there)
        if kind is dict:
            items = {key: back(item, f"{path}[{key!r}]") for key, item in value.items()}
            if type(there) is dict:
                there.clear()
                there.update(items)
                return there
            return items
        if kind in (list, tuple):
            listed = [back(item, f"{path}[{position}]") for position, item in enumerate(value)]
            if type(there) is list:
                there[:] = listed
                return there
            return kind(listed)
        return value

    return back(saved["value"], "")


def _tensor(value: torch.Tensor, there: Any, device: torch.device | None) -> torch.Tensor:
    if type(there) is torch.Tensor and form(there) == form(value):
        if first_difference(there, value):  # one whose elements share their memory cannot be written to
            there.data.copy_(value)
        return there
    return value.to(device, copy=True)


def _array(value: np.ndarray, there: Any) -> np.ndarray:
    if type(there) is np.ndarray and (there.shape, there.dtype) == (value.shape, value.dtype) and there.flags.writeable:
        there[...] = value
        return there
    return value.copy()
