"""128-bit digests of the exact bits of tensors and batches, made where the values lie and without copies.

Equal digests stand for equal bits: dtype, shape, the sign of zero and the payloads of NaN enter; device, strides and
shared storage do not. They are the xxh3-128 of the bytes, with the dtype and the shape as its seed. This is a checksum
against accidents; :func:`samerun.state.fingerprint` gives another one, of whole states, with their key paths.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from ctypes import c_char
from dataclasses import dataclass
from functools import cache, partial
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.utils._python_dispatch import _disable_current_modes
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from samerun.tracing.away import PLAIN, Away, is_away
from samerun.tracing.later import Digest, Later, combined, now

__all__ = ["ROWS", "Tensors", "digest", "held_digest", "layout_of", "place_of", "row_digests", "tensor_digest"]

#: A batch of more rows than this gets no digests of its rows.
ROWS = 1024

# How deep containers are followed, and how many values; what is beyond counts by its type.
_DEPTH, _VALUES = 16, 100_000

Buffer: TypeAlias = Any  # whatever exposes its bytes
# Gives the bytes of a tensor that is away; see Away.once.
Hold: TypeAlias = Callable[[torch.Tensor], bytes | Later[bytes]]


def tensor_digest(tensor: torch.Tensor) -> bytes:
    """Return the 16-byte digest of a tensor of any layout, device and class.

    A tensor that has no values here (on ``meta``, or fake) counts by its dtype and shape.
    """
    if _is_plain(tensor):
        memory, _keep = _bytes(tensor)
        return xxh3_128_digest(memory, _seed(tensor.dtype, tensor.shape))
    return now(_unusual(tensor, tensor_digest))


def digest(value: object) -> bytes:
    """Return the 16-byte digest of a nested value: tensors, arrays, numbers, text, containers and plain objects.

    Containers count by their order, dicts by their keys only. Objects count by their type and what their instance dict
    and slots hold; no code of theirs is run. What is neither, such as a handle of a C library, counts by its type.
    """
    return now(held_digest(value, None))


def held_digest(value: object, hold: Hold | None) -> Digest:
    """Return what :func:`digest` would, later if there are tensors in it for which ``hold`` has to be asked."""
    return _Walk(hold).digest(value)


def row_digests(value: object, most: int = ROWS, hold: Hold | None = None) -> Digest | None:
    """Return an 8-byte digest of every row of a batch, one after the other: the same rows are found in another order.

    A row is what the batch's tensors, arrays and lists of plain values hold at one index of their first dimension.
    ``None`` where they do not agree in the size of that dimension, for more than ``most`` rows and for none.
    """
    columns = list(_columns(value, 0, hold))
    counts = {len(column) for column in columns}
    if len(counts) != 1 or not 0 < (count := counts.pop()) <= most:
        return None
    data = [column if isinstance(column, list) else column.data for column in columns]
    if any(isinstance(found, Later) for found in data):  # the others may be written to until these are there
        data = [found if isinstance(found, list | Later) else bytes(found) for found in data]
    return combined(data, partial(_rows, count))


def layout_of(tensor: torch.Tensor) -> tuple[str, list[int]]:
    """Return dtype and shape as they are written to a trace: ``("float32", [3, 4])``."""
    return str(tensor.dtype).removeprefix("torch."), list(tensor.shape)


def place_of(tensor: torch.Tensor) -> tuple[int, int] | None:
    """Return the address of a tensor's bytes and how often torch's operations changed them; ``None`` if not known.

    Equal places do not stand for equal bits: what is written through ``.data``, ``.numpy()`` or by a C library counts
    nowhere, and an address may have been given away again.
    """
    if type(tensor) not in PLAIN or tensor.layout is not torch.strided:
        return None
    return tensor.data_ptr(), -1 if tensor.is_inference() else tensor._version


class Tensors:
    """Digests of the same tensors at every step, for which where their bytes lie is looked up once.

    A tensor whose storage, shape or dtype was replaced meanwhile is looked up anew.
    """

    def __init__(self, away: Away | None = None) -> None:
        self._views: list[_View] = []
        self._away = away or Away()

    def digests(self, tensors: Sequence[torch.Tensor | None]) -> list[Digest]:
        """Return 16 bytes for each tensor, later for one on a device; sixteen zeros for one that is not there."""
        views = self._views
        while len(views) < len(tensors):
            views.append(_View())
        away = [tensor for tensor in tensors if tensor is not None and is_away(tensor)]
        held = dict(zip(map(id, away), self._away.hold(away, _flat_digest), strict=True)) if away else {}
        return [
            _ABSENT if tensor is None else held.get(id(tensor)) or view.digest(tensor, self._away)
            for view, tensor in zip(views, tensors, strict=False)
        ]


_ABSENT = bytes(16)


class _View:
    """Where the bytes of a tensor lie that comes again at each step. It does not keep the tensor alive."""

    __slots__ = ("_address", "_dtype", "_memory", "_seed", "_shape")

    def __init__(self) -> None:
        self._address = self._seed = 0
        self._shape: torch.Size | None = None
        self._dtype: torch.dtype | None = None
        self._memory: Buffer = b""

    def digest(self, tensor: torch.Tensor, away: Away) -> Digest:
        if (
            type(tensor) in PLAIN
            and tensor.layout is torch.strided
            and tensor.data_ptr() == self._address
            and tensor.shape == self._shape
            and tensor.dtype is self._dtype
            and tensor.is_contiguous()
            and not tensor.is_neg()
            and not tensor.is_conj()
        ):
            return xxh3_128_digest(self._memory, self._seed)
        self._shape = None
        if type(tensor) not in PLAIN or not _lies_open(tensor):
            return tensor_digest(tensor) if tensor.is_cpu else held_digest(tensor, away.once())
        self._address, self._shape, self._dtype = tensor.data_ptr(), tensor.shape, tensor.dtype
        self._memory, self._seed = _memory(tensor), _seed(tensor.dtype, tensor.shape)
        return xxh3_128_digest(self._memory, self._seed)


@cache
def _seed(dtype: torch.dtype, shape: torch.Size) -> int:
    return _text_seed(f"{str(dtype).removeprefix('torch.')}{list(shape)}")


@cache
def _text_seed(text: str) -> int:
    return xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _is_plain(tensor: torch.Tensor) -> bool:
    return type(tensor) in PLAIN and tensor.layout is torch.strided and not tensor.is_quantized


def _held_tensor_digest(tensor: torch.Tensor, hold: Hold) -> Digest:
    if not _is_plain(tensor):
        return _unusual(tensor, lambda inner: _held_tensor_digest(inner, hold))
    if not is_away(tensor):
        return tensor_digest(tensor)
    seed = _seed(tensor.dtype, tensor.shape)
    return combined([hold(tensor)], lambda found: xxh3_128_digest(found[0], seed))


def _flat_digest(flat: torch.Tensor, dtype: torch.dtype, shape: torch.Size) -> bytes:
    return xxh3_128_digest(_memory(flat), _seed(dtype, shape))


def _lies_open(tensor: torch.Tensor) -> bool:
    """Return whether the bytes of its elements can be read in order where they are."""
    return (
        tensor.is_cpu
        and tensor.layout is torch.strided
        and tensor.is_contiguous()
        and not tensor.is_quantized
        and not tensor.is_neg()
        and not tensor.is_conj()
    )


def _memory(tensor: torch.Tensor) -> Buffer:
    size = tensor.nbytes
    return (c_char * size).from_address(tensor.data_ptr()) if size else b""


def _bytes(tensor: torch.Tensor) -> tuple[Buffer, torch.Tensor]:
    """Return a strided tensor's bytes in row-major order, and the tensor that keeps them alive."""
    if not _lies_open(tensor):
        if tensor.is_meta:
            return b"", tensor
        # The copy is nobody's business: not of autograd's, nor of a mode that watches operations.
        with torch.no_grad(), _disable_current_modes():
            tensor = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
    return _memory(tensor), tensor


def _unusual(tensor: torch.Tensor, inner: Callable[[torch.Tensor], Digest]) -> Digest:
    """Digest a subclass or a tensor of another layout by the plain tensors it is made of."""
    with torch.no_grad(), _disable_current_modes(), torch._C.DisableTorchFunctionSubclass():
        kind = f"{type(tensor).__qualname__} {tensor.layout} {tensor.dtype}{list(tensor.shape)}"
        found = list(_inner(tensor))
    return combined(list(map(inner, found)), lambda digests: xxh3_128_digest(b"".join(digests), _text_seed(kind)))


def _inner(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    if tensor.is_meta or isinstance(tensor, torch._subclasses.FakeTensor):
        return
    if hasattr(type(tensor), "__tensor_flatten__"):  # torch's protocol of wrappers: DTensor, quantized weights
        names, _ = tensor.__tensor_flatten__()  # type: ignore[attr-defined]
        yield from (found for name in names if isinstance(found := getattr(tensor, name), torch.Tensor))
    elif tensor.is_quantized:
        yield tensor.detach().int_repr()
    elif tensor.layout is torch.sparse_coo:
        yield from (tensor.detach()._indices(), tensor.detach()._values())
    elif tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        yield from (tensor.crow_indices(), tensor.col_indices(), tensor.detach().values())
    elif tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        yield from (tensor.ccol_indices(), tensor.row_indices(), tensor.detach().values())
    elif tensor.layout is torch.strided:
        yield tensor.detach().as_subclass(torch.Tensor)
    elif tensor.layout is torch._mkldnn:  # type: ignore[attr-defined]  # not in the stubs
        yield tensor.detach().to_dense()


def _array_bytes(array: np.ndarray[Any, Any]) -> Buffer:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8) if array.size else b""


def _array_digest(array: np.ndarray[Any, Any]) -> bytes:
    return xxh3_128_digest(_array_bytes(array), _text_seed(f"numpy {array.dtype.str}{list(array.shape)}"))


class _Walk:
    """One walk over a nested value."""

    def __init__(self, hold: Hold | None) -> None:
        self._hold = hold
        self._left, self._depth = _VALUES, 0

    def digest(self, value: object) -> Digest:
        kind = type(value)
        if self._hold is not None and issubclass(kind, torch.Tensor):
            return _held_tensor_digest(value, self._hold)  # type: ignore[arg-type]  # a tensor, by its class
        leaf = _leaf(value, kind)
        if leaf is not None:
            return leaf
        self._left -= 1
        if self._depth == _DEPTH or self._left < 0:
            return _scalar(kind.__qualname__)
        self._depth += 1
        parts, arranged = _parts(value, kind, self.digest)
        self._depth -= 1
        seed = _text_seed(kind.__qualname__)
        return combined(parts, lambda found: xxh3_128_digest(b"".join(arranged(found)), seed))


def _leaf(value: Any, kind: type) -> bytes | None:
    if issubclass(kind, torch.Tensor):
        return tensor_digest(value)
    if kind in _SCALARS:
        return _scalar(value)
    if issubclass(kind, np.ndarray | np.generic):
        array = np.asarray(value)
        return None if array.dtype.hasobject else _array_digest(array)
    return None


_SCALARS: frozenset[type] = frozenset({int, float, complex, bool, str, bytes, bytearray, type(None)})


def _scalar(value: Any) -> bytes:
    kind = type(value)
    if kind in (bytes, bytearray):
        data = value
    elif kind is float:
        data = struct.pack("<d", value)
    elif kind is complex:
        data = struct.pack("<dd", value.real, value.imag)
    elif kind is int:
        data = hex(value).encode()  # decimal digits are refused for very long ones
    else:
        data = str(value).encode("utf-8", "surrogatepass")
    return xxh3_128_digest(data, _text_seed(kind.__name__))


def _parts(
    value: Any, kind: type, inner: Callable[[object], Digest]
) -> tuple[list[Digest], Callable[[list[bytes]], list[bytes]]]:
    """Return the digests of what is inside, and what puts them into an order that says something."""
    if issubclass(kind, dict):
        return [part for key, item in dict.items(value) for part in (inner(key), inner(item))], _sorted_pairs
    if issubclass(kind, list | tuple):
        plain = list if issubclass(kind, list) else tuple
        return [inner(item) for item in plain.__iter__(value)], list
    if issubclass(kind, set | frozenset):
        plain_set = set if issubclass(kind, set) else frozenset
        return [inner(item) for item in plain_set.__iter__(value)], sorted
    if issubclass(kind, np.ndarray):
        return [inner(item) for item in np.ndarray.view(value, np.ndarray).ravel().tolist()], list
    return [part for name, item in _attributes(value) for part in (_scalar(name), inner(item))], list


def _sorted_pairs(parts: list[bytes]) -> list[bytes]:
    return sorted(key + item for key, item in zip(parts[::2], parts[1::2], strict=True))


def _attributes(value: Any) -> list[tuple[str, Any]]:
    """Return what an object holds in its instance dict and its slots, sorted by name."""
    found: dict[str, Any] = {}
    for base in type.__dict__["__mro__"].__get__(type(value)):
        members = type.__dict__["__dict__"].__get__(base)
        descriptor = members.get("__dict__")
        if type(descriptor) in (GetSetDescriptorType, MemberDescriptorType):
            instance = descriptor.__get__(value)
            found.update(instance if isinstance(instance, dict) else {})
        if "__slots__" in members:  # types of C have member descriptors too
            slots = ((name, slot) for name, slot in members.items() if type(slot) is MemberDescriptorType)
            found.update((name, item) for name, slot in slots if (item := _filled(slot, value)) is not None)
    return sorted((name, item) for name, item in found.items() if type(name) is str)


def _filled(slot: MemberDescriptorType, value: object) -> Any:
    try:
        return slot.__get__(value)
    except AttributeError:  # a slot that is not filled
        return None


@dataclass(frozen=True, slots=True)
class _Column:
    """The bytes of a tensor by row, and what keeps them alive."""

    data: Buffer | Later[bytes]
    count: int
    keep: object

    def __len__(self) -> int:
        return self.count


def _columns(value: Any, depth: int, hold: Hold | None) -> Iterator[_Column | list[Any]]:
    kind = type(value)
    if issubclass(kind, torch.Tensor):
        if value.dim() and value.layout is torch.strided and not value.is_quantized and kind in PLAIN:
            memory, keep = (hold(value), None) if hold is not None and is_away(value) else _bytes(value)
            yield _Column(memory, value.shape[0], keep)
    elif issubclass(kind, np.ndarray):
        if value.ndim and not value.dtype.hasobject:
            yield _Column(_array_bytes(value), value.shape[0], value)
    elif kind in (list, tuple) and value and all(type(item) in _SCALARS for item in value):
        yield list(value)
    elif depth < _DEPTH and kind not in _SCALARS:
        for item in _items(value, kind):
            yield from _columns(item, depth + 1, hold)


def _items(value: Any, kind: type) -> list[Any]:
    if issubclass(kind, dict):
        return list(dict.values(value))
    if issubclass(kind, list):
        return list(list.__iter__(value))
    if issubclass(kind, tuple):
        return list(tuple.__iter__(value))
    return [item for _, item in _attributes(value)]


def _rows(count: int, columns: Sequence[Buffer | list[Any]]) -> bytes:
    seeds = [0] * count
    for column in columns:
        seeds = _chained(column, seeds)
    return np.array(seeds, dtype=np.uint64).tobytes()


def _chained(column: Buffer | list[Any], seeds: list[int]) -> list[int]:
    """Return a digest of each row, seeded with what was made of the columns before."""
    if isinstance(column, list):
        return [xxh3_64_intdigest(_scalar(item), seed) for item, seed in zip(column, seeds, strict=True)]
    data = memoryview(column).cast("B") if len(column) else memoryview(b"")
    size = len(data) // len(seeds)
    places = range(0, len(seeds) * size, size) if size else [0] * len(seeds)
    return [xxh3_64_intdigest(data[at : at + size], seed) for at, seed in zip(places, seeds, strict=True)]
