"""States: nested JSON-and-tensor values, walked by key path and compared bit by bit.

A *state* is what ``state_dict()`` returns: dicts (keys are strings or integers), lists and tuples of ``None``,
``bool``, ``int``, ``float``, ``str``, ``bytes``, :class:`torch.Tensor` and :class:`numpy.ndarray`. It is never a
pickle, and nothing here ever loads one.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter
from typing import TypeAlias

import numpy as np
import torch
import xxhash

from samerun.errors import Problem, StateError

__all__ = ["Difference", "Leaf", "fingerprint", "first_difference", "tensor_bytes", "walk"]

# Bits of an integer beyond which Python may refuse to write it in decimal.
_LONG = 1024

Leaf: TypeAlias = "bool | int | float | str | bytes | torch.Tensor | np.ndarray | None"


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place at which two states differ.

    Attributes:
        path: the key path, such as ``['model']['fc.weight']``; empty for the root.
        first: what the first state has there, in words.
        second: what the second state has there, in words.
    """

    path: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.path or 'root'}: {self.first} against {self.second}"


def walk(state: object) -> Iterator[tuple[str, Leaf]]:
    """Yield ``(key path, leaf)`` for every leaf of a state, depth first, in the order of the containers.

    Raises:
        StateError: for a value or a key that a state cannot hold, with its key path and type, and for a
            container that holds itself.
    """
    for path, entry in _entries(state, "", ()):
        if not isinstance(entry, _Container):
            yield path, entry


def tensor_bytes(tensor: torch.Tensor) -> np.ndarray:
    """Return the exact bytes of a tensor's elements in row-major order, as ``uint8[n]`` on the CPU.

    Lazy conjugation and negation are carried out first; strides, storage and device leave no trace.

    Raises:
        StateError: for a sparse, quantized or meta tensor, whose bits are not one dense block.
    """
    _refuse_sparse(tensor, "tensor")
    plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
    # A tensor of one element counts as contiguous whatever its stride is, and viewing it as bytes does not.
    return plain.as_strided((plain.numel(),), (1,)).view(torch.uint8).numpy()


def _refuse_sparse(tensor: torch.Tensor, where: str) -> None:
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
        found = f"a {tensor.layout} tensor of dtype {tensor.dtype} on {tensor.device}"
        raise StateError([Problem(where, found, "a dense tensor")])


def fingerprint(state: object) -> str:
    """Return the xxh3-128 of a state's exact bits, as 32 hexadecimal digits.

    Equal fingerprints stand for equal bits: key paths, container types, dtypes, shapes, the sign of zero and
    NaN payloads all enter. The order of keys and where a tensor lies (device, strides, shared storage) do not.
    It is a checksum against accidents, not against somebody who makes collisions on purpose.

    Raises:
        StateError: as :func:`walk`.

    >>> fingerprint({"loss": 0.0}) == fingerprint({"loss": -0.0})
    False
    """
    digest = xxhash.xxh3_128()
    for path, entry in sorted(_entries(state, "", ()), key=itemgetter(0)):
        kind, data = _bits(entry)
        header = f"{path}={kind}"
        digest.update(f"{len(header)}:{header}:{len(data)}:".encode("utf-8", "surrogatepass"))
        digest.update(data if isinstance(data, bytes) else data.data)
    return digest.hexdigest()


def first_difference(first: object, second: object) -> Difference | None:
    """Return the first place at which two states differ in a bit, or ``None`` if there is none.

    The order is that of the first state, depth first; keys that only the second has come last.

    Raises:
        StateError: as :func:`walk`.

    >>> print(first_difference({"step": 3, "lr": 0.1}, {"step": 4, "lr": 0.1}))
    ['step']: int 3 against int 4
    """
    ours, theirs = dict(_entries(first, "", ())), dict(_entries(second, "", ()))
    for path, entry in ours.items():
        if path not in theirs:
            return Difference(path, _describe(entry), "nothing")
        if contrast := _contrast(entry, theirs[path]):
            return Difference(path, *contrast)
    for path, entry in theirs.items():
        if path not in ours:
            return Difference(path, "nothing", _describe(entry))
    return None


class _Container(Enum):
    """Stands for a container itself, so that ``[]``, ``()`` and ``{}`` differ, and so do ``[1]`` and ``(1,)``."""

    DICT = "dict"
    LIST = "list"
    TUPLE = "tuple"


def _entries(state: object, path: str, above: tuple[int, ...]) -> Iterator[tuple[str, Leaf | _Container]]:
    if id(state) in above:
        raise StateError([Problem(path, "a container that holds itself", "a tree")])
    if isinstance(state, dict):
        yield path, _Container.DICT
        for key, value in state.items():
            if type(key) is not str and type(key) is not int:
                raise StateError([Problem(path or "root", f"the key {key!r}", "keys that are str or int")])
            yield from _entries(value, f"{path}[{key!r}]", (*above, id(state)))
    elif isinstance(state, list | tuple):
        yield path, _Container.LIST if isinstance(state, list) else _Container.TUPLE
        for position, value in enumerate(state):
            yield from _entries(value, f"{path}[{position}]", (*above, id(state)))
    else:
        yield path, _leaf(state, path or "root")


def _leaf(value: object, where: str) -> Leaf:
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        raise StateError([Problem(where, "an array of Python objects", "an array of numbers")])
    if isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):  # a mask, say, would be lost
        raise StateError([Problem(where, f"a {type(value).__qualname__}", "a plain array")])
    if isinstance(value, torch.Tensor):
        _refuse_sparse(value, where)
    if value is None or isinstance(value, bool | int | float | str | bytes | torch.Tensor | np.ndarray):
        return value
    found = f"{type(value).__module__}.{type(value).__qualname__}"
    advice = "convert it to one of these in state_dict()"
    raise StateError([Problem(where, found, "JSON scalars, tensors, arrays or bytes", advice)])


def _bits(entry: Leaf | _Container) -> tuple[str, bytes | np.ndarray]:
    """Return what an entry is, in words, and its exact bytes (``uint8[n]`` for tensors and arrays)."""
    if isinstance(entry, _Container):
        return entry.value, b""
    if isinstance(entry, torch.Tensor):
        return f"{entry.dtype}{list(entry.shape)}", tensor_bytes(entry)
    if isinstance(entry, np.ndarray):
        return f"numpy {entry.dtype.str}{list(entry.shape)}", np.ascontiguousarray(entry).reshape(-1).view(np.uint8)
    if isinstance(entry, float):
        return "float", struct.pack("<d", entry)
    if isinstance(entry, str):
        return "str", entry.encode("utf-8", "surrogatepass")
    if isinstance(entry, bytes):
        return "bytes", entry
    if isinstance(entry, int) and entry.bit_length() > _LONG:
        return "int", hex(entry).encode()
    return type(entry).__name__, repr(entry).encode()  # None, bool, int: their repr is exact


def _describe(entry: Leaf | _Container) -> str:
    kind, data = _bits(entry)
    if isinstance(entry, int) and isinstance(data, bytes):
        return f"{kind} {data.decode()}"
    return f"{kind} {entry!r}" if isinstance(entry, float | str | bytes) else kind


def _contrast(first: Leaf | _Container, second: Leaf | _Container) -> tuple[str, str] | None:
    """Return both entries in words, or ``None`` if their bits are equal."""
    (kind, data), (other_kind, other_data) = _bits(first), _bits(second)
    if kind != other_kind or isinstance(data, bytes) or isinstance(other_data, bytes):
        return None if (kind, data) == (other_kind, other_data) else (_describe(first), _describe(second))
    if np.array_equal(data, other_data):
        return None
    assert isinstance(first, torch.Tensor | np.ndarray)
    assert isinstance(second, torch.Tensor | np.ndarray)
    count = math.prod(first.shape)
    differs = (data.reshape(count, -1) != other_data.reshape(count, -1)).any(axis=1)
    place = int(differs.argmax())
    where = f"{kind}, {int(differs.sum())} of {count} elements differ, element {place} is"
    return f"{where} {_element(first, place)}", _element(second, place)


def _element(array: torch.Tensor | np.ndarray, place: int) -> str:
    return repr(array.reshape(-1)[place].item())
