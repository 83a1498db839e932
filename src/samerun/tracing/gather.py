"""Tensors of a device, copied to the CPU many at a time, because each copy waits for all that the device has to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils._python_dispatch import _disable_current_modes

__all__ = ["gathered"]

# Bytes of the device's memory that are used for it at most, and of the largest tensor that is not copied by itself.
_CHUNK, _SMALL = 32 << 20, 4 << 20


def gathered(tensors: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield the bytes of each tensor in row-major order, as a flat uint8 tensor on the CPU.

    Args:
        tensors: plain and strided ones. Those up to 4 MiB are put together on their device, 32 MiB at a time.
    """
    with torch.no_grad(), _disable_current_modes():
        for group in _groups(tensors):
            if len(group) == 1:
                yield _flat(_plain(group[0]).cpu())
                continue
            parts = [_flat(_plain(tensor)) for tensor in group]
            yield from torch.cat(parts).cpu().split([part.numel() for part in parts])


def _groups(tensors: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Yield tensors in their order, those together that are copied together."""
    group: list[torch.Tensor] = []
    size = 0
    for tensor in tensors:
        fits = tensor.nbytes <= _SMALL and size + tensor.nbytes <= _CHUNK
        if group and (not fits or group[-1].nbytes > _SMALL or group[-1].device != tensor.device):
            yield group
            group, size = [], 0
        group.append(tensor)
        size += tensor.nbytes
    if group:
        yield group


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().resolve_conj().resolve_neg()


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)
