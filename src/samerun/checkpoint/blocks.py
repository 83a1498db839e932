"""Tensors and arrays as *blocks*, the dense pieces a payload stores, and back, with what they shared.

Tensors whose bytes overlap are stored as one block, so that tied weights are stored once and still share when they come
back. Every other tensor is a block of its own, in row-major order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
import torch

from samerun.errors import Problem, StateError

__all__ = ["DTYPES", "Slot", "array_block", "read_array", "read_tensor", "refuse_tensor", "short", "tensor_blocks"]

_NAMES = """
    float64 float32 float16 bfloat16 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool
    complex128 complex64 complex32 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu
"""

#: The dtypes that can be stored, by name.
DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in _NAMES.split() if hasattr(torch, name)}

# NumPy's name of those that torch has as well; arrays of others are stored as bytes.
_SHARED_DTYPES = ("<f8", "<f4", "<f2", "<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1", "|b1")
_ARRAY_DTYPE = re.compile(r"[<>|][biufcmMUSV]\d{1,9}(\[\d{0,9}\w{1,7}\])?")

# Bytes. A block of several tensors begins at a multiple of this in its storage, so that it can be seen as every dtype.
_WIDEST = 16
_MOST_DIMENSIONS = 64  # of NumPy and of torch


@dataclass(frozen=True, slots=True)
class Slot:
    """A tensor of a state, and the part of the JSON tree that will say where it is stored.

    Attributes:
        path: its key path.
        tensor: the tensor itself, not a copy.
        leaf: what the tree says of it, to be filled in.
    """

    path: str
    tensor: torch.Tensor
    leaf: dict[str, Any]


def refuse_tensor(tensor: torch.Tensor, where: str) -> None:
    """Refuse what is not one dense piece of memory in this process.

    Raises:
        StateError: naming the place, the tensor's type, layout and dtype.
    """
    name = str(tensor.dtype).removeprefix("torch.")
    found = f"a {tensor.layout} tensor of dtype {name} on {tensor.device} ({type(tensor).__qualname__})"
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta or name not in DTYPES:
        raise StateError([Problem(where, found, "a dense tensor", "convert it in state_dict()")])
    if type(tensor).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        raise StateError([Problem(where, found, "a plain tensor", "sharded and wrapped tensors cannot be saved yet")])


def tensor_blocks(slots: Iterable[Slot]) -> dict[str, torch.Tensor]:
    """Return the blocks of all tensors by name, and write into every leaf which block it is and how to see it."""
    blocks = {}
    for group in _groups(list(slots)):
        first = group[0]
        if all(_geometry(slot.tensor) == _geometry(first.tensor) for slot in group):
            blocks[first.path] = first.tensor.detach()
            for slot in group:
                slot.leaf.update(_described(slot.tensor, first.path))
        else:
            blocks[first.path] = _covering(group)
    return blocks


def _geometry(tensor: torch.Tensor) -> tuple[object, ...]:
    return tensor.dtype, tensor.shape, tensor.stride(), tensor.storage_offset()


def _described(tensor: torch.Tensor, block: str) -> dict[str, Any]:
    return {"at": block, "dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape)}


def _span(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the first byte in its storage and the one after the last."""
    items = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True)) + 1
    start = int(tensor.storage_offset()) * tensor.element_size()
    return start, start + items * tensor.element_size()


def _groups(slots: list[Slot]) -> Iterator[list[Slot]]:
    """Yield the tensors that overlap in memory together, in the order of the state."""
    by_storage: dict[object, list[Slot]] = {}
    for slot in slots:
        tensor = slot.tensor
        start, end = _span(tensor)
        # Lazily conjugated or negated values are not the bytes in memory, and expanded ones are more than those.
        apart = tensor.is_conj() or tensor.is_neg() or not 0 < tensor.nbytes <= end - start
        place = slot.path if apart else (tensor.device, tensor.untyped_storage().data_ptr())
        by_storage.setdefault(place, []).append(slot)
    for together in by_storage.values():
        yield from _overlapping(together)


def _overlapping(slots: list[Slot]) -> Iterator[list[Slot]]:
    if len(slots) == 1:
        yield slots
        return
    order = {id(slot): position for position, slot in enumerate(slots)}
    group: list[Slot] = []
    reach = -1
    for slot in sorted(slots, key=lambda slot: _span(slot.tensor)[0]):
        start, end = _span(slot.tensor)
        if group and start >= reach:
            yield sorted(group, key=lambda slot: order[id(slot)])
            group = []
        group.append(slot)
        reach = max(reach, end)
    yield sorted(group, key=lambda slot: order[id(slot)])


def _covering(group: list[Slot]) -> torch.Tensor:
    """Return all bytes from the first to the last that a group of tensors has, as ``uint8[n]``, and fill its leaves."""
    spans = [_span(slot.tensor) for slot in group]
    base = min(start for start, _ in spans) // _WIDEST * _WIDEST
    for slot, (start, _) in zip(group, spans, strict=True):
        offset = (start - base) // slot.tensor.element_size()
        slot.leaf.update(
            {**_described(slot.tensor, group[0].path), "stride": list(slot.tensor.stride()), "offset": offset}
        )
    # Two storages made from one array may begin at one address, and then the longer one holds all.
    end, tensor = max(((end, slot.tensor) for slot, (_, end) in zip(group, spans, strict=True)), key=itemgetter(0))
    view = torch.empty(0, dtype=torch.uint8, device=tensor.device)
    return view.set_(tensor.untyped_storage(), base, (end - base,), (1,))


def read_tensor(leaf: Mapping[str, Any], block: torch.Tensor, where: str) -> torch.Tensor:
    """Return the tensor that a leaf describes, as a view of its block.

    Raises:
        StateError: for a description of the wrong form, or one that does not fit the block.
    """
    if leaf.keys() - {"stride", "offset"} != {"at", "dtype", "shape"} or ("stride" in leaf) != ("offset" in leaf):
        raise StateError([Problem(where, f"the keys {short(sorted(leaf))}", "at, dtype, shape, maybe stride, offset")])
    dtype = DTYPES.get(leaf["dtype"]) if isinstance(leaf["dtype"], str) else None
    if dtype is None:
        raise StateError([Problem(where, f"the dtype {short(leaf['dtype'])}", "one that this torch has")])
    shape, data = _sizes(leaf["shape"], where, "shape"), _flat(block)
    try:
        if "stride" not in leaf:
            _expect_bytes(math.prod(shape) * dtype.itemsize, data.numel(), where)
            return data.view(dtype).reshape(shape)
        stride, offset = _sizes(leaf["stride"], where, "stride"), _sizes([leaf["offset"]], where, "offset")[0]
        _expect_inside(shape, stride, offset, data.numel() // dtype.itemsize, where)
        whole = data[: data.numel() // dtype.itemsize * dtype.itemsize].view(dtype)
        return whole.as_strided(shape, stride, whole.storage_offset() + offset)
    except (RuntimeError, OverflowError) as error:  # a size torch cannot hold, although it holds no element
        raise StateError([Problem(where, f"the shape {short(leaf['shape'])}", f"a possible one ({error})")]) from error


def array_block(array: np.ndarray, leaf: dict[str, Any], path: str) -> torch.Tensor:
    """Return an array's elements in row-major order as a block, and write into the leaf what it is.

    Raises:
        StateError: for a subclass, an array of Python objects, and a dtype of several fields or without bytes.
    """
    dtype = array.dtype
    if type(array) not in (np.ndarray, np.memmap):  # a mask, say, would be lost
        raise StateError([Problem(path, f"a {type(array).__qualname__}", "a plain array", "use numpy.asarray")])
    if not _ARRAY_DTYPE.fullmatch(dtype.str) or dtype.fields or not dtype.itemsize:
        advice = "save each field as an array of its own" if dtype.fields else "convert it in state_dict()"
        raise StateError([Problem(path, f"an array of dtype {dtype}", "numbers, text, bytes or times", advice)])
    leaf.update({"at": path, "dtype": dtype.str, "shape": list(array.shape)})
    plain = np.asarray(array, order="C")
    if not plain.flags.writeable:  # torch warns of those
        plain = plain.copy()
    return torch.from_numpy(plain if dtype.str in _SHARED_DTYPES else plain.reshape(-1).view(np.uint8))


def read_array(leaf: Mapping[str, Any], block: torch.Tensor, where: str) -> np.ndarray:
    """Return the array that a leaf describes, as a view of its block.

    Raises:
        StateError: for a description of the wrong form, or one that does not fit the block.
    """
    if leaf.keys() != {"at", "dtype", "shape"}:
        raise StateError([Problem(where, f"the keys {short(sorted(leaf))}", "at, dtype and shape")])
    name = leaf["dtype"]
    try:
        dtype = np.dtype(name) if isinstance(name, str) and _ARRAY_DTYPE.fullmatch(name) else None
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or dtype.str != name or not dtype.itemsize:
        raise StateError([Problem(where, f"the dtype {short(name)}", "one that this NumPy has")])
    shape, data = _sizes(leaf["shape"], where, "shape"), _flat(block)
    _expect_bytes(math.prod(shape) * dtype.itemsize, data.numel(), where)
    try:
        return data.numpy().view(dtype).reshape(shape)
    except (ValueError, OverflowError) as error:  # more dimensions than NumPy has, or a size it cannot hold
        raise StateError([Problem(where, f"the shape {short(leaf['shape'])}", f"a possible one ({error})")]) from error


def _flat(block: torch.Tensor) -> torch.Tensor:
    return block.resolve_conj().resolve_neg().reshape(-1).view(torch.uint8)


def _sizes(found: object, where: str, what: str) -> tuple[int, ...]:
    sizes = found if isinstance(found, list) and len(found) <= _MOST_DIMENSIONS else [None]
    if not all(type(size) is int and 0 <= size < 2**63 for size in sizes):
        expected = f"at most {_MOST_DIMENSIONS} integers from 0"
        raise StateError([Problem(where, f"the {what} {short(found)}", expected)])
    return tuple(sizes)


def _expect_bytes(described: int, stored: int, where: str) -> None:
    if described != stored:
        raise StateError([Problem(where, f"a shape of {described} bytes", f"the {stored} bytes that are stored")])


def _expect_inside(shape: tuple[int, ...], stride: tuple[int, ...], offset: int, items: int, where: str) -> None:
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=False))
    if len(shape) != len(stride) or 0 in shape or math.prod(shape) > items or last >= items:
        found = f"shape {short(shape)}, stride {short(stride)}, offset {offset}"
        raise StateError([Problem(where, found, f"a part of the {items} elements that are stored")])


def short(found: object) -> str:
    """Return what was found in at most 80 characters."""
    text = repr(found)
    return text if len(text) <= 80 else f"{text[:77]}..."
