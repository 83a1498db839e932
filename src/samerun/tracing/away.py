"""Tensors of devices: copied there as they are at a moment, and brought to the CPU together.

Each way to the CPU waits for all that the device has to do, so there is to be one in a step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, TypeAlias, TypeVar

import torch
from torch.utils._python_dispatch import _disable_current_modes

from samerun.tracing.later import Later

__all__ = ["PLAIN", "Away", "is_away"]

#: The classes of tensors that are nothing but their bytes.
PLAIN = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)

# Bytes of a device's memory that copies take, twice as many while they are put together.
_MOST = 256 << 20

Made = TypeVar("Made")
# Is called with a tensor's bytes in row-major order as a flat uint8 tensor on the CPU, its dtype and its shape.
Make: TypeAlias = Callable[[torch.Tensor, torch.dtype, torch.Size], Made]


def is_away(tensor: torch.Tensor) -> bool:
    """Return whether a plain tensor is on a device whose memory cannot be read from here."""
    if tensor.is_cpu or type(tensor) not in PLAIN:
        return False
    return tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_meta


class Away:
    """Copies of tensors on their devices, in the order of what these have to do.

    All come to the CPU at once when the first of them is asked for, or when there is no room for another: 256 MiB on
    each device. A larger tensor comes by itself. No tensor is kept alive.
    """

    def __init__(self) -> None:
        self._devices: dict[torch.device, _Device] = {}
        self._lock = threading.RLock()  # two threads may train

    def hold(self, tensors: Sequence[torch.Tensor], make: Make[Made]) -> list[Made | Later[Made]]:
        """Return what is made of the bytes that tensors have now, each of which :func:`is_away`."""
        found: list[Made | Later[Made]] = []
        with self._lock, torch.no_grad(), _disable_current_modes():
            for device, group in groupby(tensors, lambda tensor: tensor.device):
                found += self._devices.setdefault(device, _Device(self._lock)).hold(list(group), make)
        return found

    def once(self) -> Callable[[torch.Tensor], bytes | Later[bytes]]:
        """Return what gives the bytes that a tensor has now, and the same for that tensor from then on."""
        known: dict[int, tuple[torch.Tensor, bytes | Later[bytes]]] = {}

        def hold(tensor: torch.Tensor) -> bytes | Later[bytes]:
            if id(tensor) not in known:
                known[id(tensor)] = tensor, self.hold([tensor], _bytes)[0]
            return known[id(tensor)][1]

        return hold

    def number(self, tensor: torch.Tensor) -> Any:
        """Return the only element of a tensor, or what will be it, by an operation that no mode sees."""
        if is_away(tensor):
            return self.hold([tensor], _element)[0]
        if not torch._C._len_torch_dispatch_stack():
            return tensor.detach().item()
        with _disable_current_modes():
            return tensor.detach().item()


class _Device:
    """What is held on one device."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._copies: list[torch.Tensor] = []
        self._arrivals: list[_Arrival[Any]] = []
        self._streams: set[Any] = set()
        self._room = _MOST

    def hold(self, tensors: Sequence[torch.Tensor], make: Make[Made]) -> list[Made | Later[Made]]:
        found: list[Made | Later[Made]] = []
        group: list[torch.Tensor] = []
        for tensor in tensors:
            if tensor.nbytes > _MOST:
                found.append(make(_to_host(_flat(tensor)), tensor.dtype, tensor.shape))
                continue
            if tensor.nbytes > self._room:
                self._copy(group)
                self.fetch()
                group = []
            group.append(tensor)
            self._room -= tensor.nbytes
            self._arrivals.append(_Arrival(self, tensor, make))
            found.append(self._arrivals[-1])
        self._copy(group)
        return found

    def _copy(self, tensors: list[torch.Tensor]) -> None:
        if tensors:
            self._copies.append(torch.cat([_flat(tensor) for tensor in tensors]))
            self._streams.add(_stream(tensors[0].device))

    def fetch(self) -> None:
        """Bring everything to the CPU."""
        with self._lock, torch.no_grad(), _disable_current_modes():
            if not self._arrivals:
                return
            self._wait_for_other_streams(_stream(self._copies[0].device))
            copies, arrivals = self._copies, self._arrivals
            self._copies, self._arrivals, self._streams, self._room = [], [], set(), _MOST
            parts = _to_host(torch.cat(copies)).split([arrival.size for arrival in arrivals])
            for arrival, part in zip(arrivals, parts, strict=True):
                arrival.come(part)

    def _wait_for_other_streams(self, stream: Any) -> None:
        for other in self._streams:
            if other != stream:  # it is the device that waits
                stream.wait_stream(other)


class _Arrival(Later[Made]):
    """What is made of a tensor that is held."""

    __slots__ = ("_device", "_dtype", "_made", "_make", "_shape", "size")

    def __init__(self, device: _Device, tensor: torch.Tensor, make: Make[Made]) -> None:
        self._device: _Device | None = device
        self._make, self._dtype, self._shape, self.size = make, tensor.dtype, tensor.shape, tensor.nbytes

    @property
    def is_there(self) -> bool:
        return self._device is None

    def come(self, flat: torch.Tensor) -> None:
        self._made = self._make(flat, self._dtype, self._shape)
        self._device = None

    def now(self) -> Made:
        if self._device is not None:
            self._device.fetch()
        return self._made


def _to_host(flat: torch.Tensor) -> torch.Tensor:
    """Return a copy on the CPU; every wait for a device is here."""
    return flat.to("cpu", copy=True)


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)


def _stream(device: torch.device) -> Any:
    """Return the stream that operations go to; ``None`` for a device that has no streams."""
    module = torch.get_device_module(device)
    return module.current_stream(device) if hasattr(module, "current_stream") else None


def _bytes(flat: torch.Tensor, _: torch.dtype, __: torch.Size) -> bytes:
    return flat.numpy().tobytes()


def _element(flat: torch.Tensor, dtype: torch.dtype, _: torch.Size) -> Any:
    return flat.clone().view(dtype).item()  # a part of a larger tensor may begin where its dtype cannot
