"""How two tensors differ: in how many elements, by how much, in NaNs, or only in their order; pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

from samerun.state import tensor_bytes

__all__ = ["ValueDifference", "compare_values"]

# uint8[elements, bytes of an element]
Bytes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

# Formats of one sign bit and a size that grows with the bits, read as an integer.
_SIGN_AND_SIZE = frozenset(
    {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2}
)


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """What makes two tensors differ.

    Attributes:
        elements: how many elements each has; of the first, where the layouts differ.
        differing: how many elements differ in a bit; all, where the layouts differ.
        layouts: dtype and shape of either, where they differ; nothing else is compared then.
        largest: the largest absolute difference of two elements that are both finite; ``None`` if no such elements
            differ in a bit.
        ulps: the largest distance of two floating-point numbers, neither of them NaN, counted in representable
            numbers: neighbours are 1 apart, and +0 and -0 are 0 apart. The real and the imaginary part of a complex
            number are taken one by one. ``None`` for other dtypes.
        nans: how many NaNs either has.
        permutation: ``"rows"`` if the second has the same rows (along the first dimension) in another order,
            ``"elements"`` if only the same elements.
        place: the index of the first element that differs; ``None`` where the layouts differ.
        values: the elements there.
    """

    elements: int
    differing: int
    layouts: tuple[str, str] | None = None
    largest: float | int | None = None
    ulps: int | None = None
    nans: tuple[int, int] = (0, 0)
    permutation: Literal["rows", "elements"] | None = None
    place: tuple[int, ...] | None = None
    values: tuple[str, str] | None = None

    def __str__(self) -> str:
        if self.layouts is not None:
            return f"{self.layouts[0]} against {self.layouts[1]}"
        parts = [f"{self.differing:,} of {self.elements:,} elements differ"]
        if self.largest is not None:
            ulps = "" if self.ulps is None else f" ({self.ulps:,} ulp)"
            parts.append(f"the largest difference is {self.largest:.3g}{ulps}")
        if any(self.nans):
            parts.append(f"NaNs: {self.nans[0]:,} against {self.nans[1]:,}")
        if self.permutation is not None:
            parts.append(f"the same {self.permutation} in another order")
        if self.place is not None and self.values is not None:
            parts.append(f"first at {list(self.place)}: {self.values[0]} against {self.values[1]}")
        return "; ".join(parts)


def compare_values(
    first: torch.Tensor | np.ndarray[Any, Any], second: torch.Tensor | np.ndarray[Any, Any]
) -> ValueDifference | None:
    """Return how two dense tensors differ, or ``None`` if their bits, dtypes and shapes are equal.

    Raises:
        StateError: for a sparse, quantized or meta tensor.

    >>> print(compare_values(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0])))
    2 of 2 elements differ; the largest difference is 1 (8,388,608 ulp); the same rows in another order; first at [0]: \
1.0 against 2.0
    """
    ours, theirs = _tensor(first), _tensor(second)
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        layouts = (f"{ours.dtype}{list(ours.shape)}", f"{theirs.dtype}{list(theirs.shape)}")
        return ValueDifference(ours.numel(), ours.numel(), layouts)
    data, other = _elements(ours), _elements(theirs)
    unequal = np.flatnonzero((data != other).any(axis=1))
    if not unequal.size:
        return None
    here, there = (_view(rows[unequal], ours.dtype) for rows in (data, other))
    return ValueDifference(
        elements=ours.numel(),
        differing=int(unequal.size),
        largest=_largest(here, there),
        ulps=_ulps(here, there),
        nans=(_nans(ours), _nans(theirs)),
        permutation=_permutation(data, other, len(ours) if ours.dim() else 1),
        place=tuple(int(index) for index in np.unravel_index(int(unequal[0]), tuple(ours.shape))),
        values=(repr(here[0].item()), repr(there[0].item())),
    )


def _tensor(value: torch.Tensor | np.ndarray[Any, Any]) -> torch.Tensor:
    return value.detach() if isinstance(value, torch.Tensor) else torch.from_numpy(value.copy())


def _elements(tensor: torch.Tensor) -> Bytes:
    return tensor_bytes(tensor).reshape(tensor.numel(), tensor.element_size())


def _view(elements: Bytes, dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(elements).view(dtype).reshape(-1)


def _is_float(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.complex128 if tensor.dtype.is_complex else torch.float64)


def _nans(tensor: torch.Tensor) -> int:
    return int(_wide(tensor).isnan().sum()) if _is_float(tensor.dtype) else 0


def _largest(first: torch.Tensor, second: torch.Tensor) -> float | int | None:
    if _is_float(first.dtype):
        ours, theirs = _wide(first), _wide(second)
        both = ours.isfinite() & theirs.isfinite()
        return float((ours[both] - theirs[both]).abs().max()) if both.any() else None
    # The difference of two 64-bit integers needs 65 bits.
    return int(max(abs(int(a) - int(b)) for a, b in zip(first.tolist(), second.tolist(), strict=True)))


def _ulps(first: torch.Tensor, second: torch.Tensor) -> int | None:
    if first.dtype.is_complex:
        first, second = torch.view_as_real(first), torch.view_as_real(second)
    if first.dtype not in _SIGN_AND_SIZE:
        return None
    numbers = ~(first.double().isnan() | second.double().isnan())
    unsigned = f"u{first.element_size()}"
    ours, theirs = (tensor_bytes(tensor[numbers]).view(unsigned).astype("u8") for tensor in (first, second))
    if not ours.size:
        return None
    sign = np.uint64(1 << (8 * first.element_size() - 1))
    size, other = ours & ~sign, theirs & ~sign
    apart = np.where(size > other, size - other, other - size)
    # No sum of two sizes overflows: infinity is the largest, and has its lower bits clear.
    return int(np.where((ours ^ theirs) & sign, size + other, apart).max())


def _permutation(first: Bytes, second: Bytes, rows: int) -> Literal["rows", "elements"] | None:
    if not np.array_equal(_sorted(first), _sorted(second)):
        return None
    return "rows" if rows > 1 and _rows(first, rows) == _rows(second, rows) else "elements"


def _sorted(elements: Bytes) -> np.ndarray[Any, Any]:
    count, size = elements.shape
    kind = f"u{size}" if size <= 8 else np.dtype([("low", "u8"), ("high", "u8")])
    return np.sort(np.ascontiguousarray(elements).view(kind).reshape(count))


def _rows(elements: Bytes, rows: int) -> Counter[bytes]:
    return Counter(row.tobytes() for row in elements.reshape(rows, -1))
