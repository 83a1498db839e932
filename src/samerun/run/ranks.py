"""Several ranks of torch.distributed that make one run together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

__all__ = ["Ranks"]


class Ranks:
    """This process's place among the ranks, and how they agree. All ranks make their run at the same point.

    Attributes:
        rank, world_size: 0 and 1 without ``torch.distributed``.
        barrier: waits for all ranks, from the thread that saves; ``None`` for one rank.
    """

    def __init__(self) -> None:
        several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        self.rank = dist.get_rank() if several else 0
        self.world_size = dist.get_world_size() if several else 1
        # One group for each thread, on gloo, which needs no device.
        self._main: Any = dist.new_group(backend="gloo") if several else None
        saving: Any = dist.new_group(backend="gloo") if several else None
        self.barrier: Callable[[], object] | None = (lambda: dist.barrier(saving)) if several else None

    def meet(self) -> None:
        """Wait for all ranks."""
        if self._main is not None:
            dist.barrier(self._main)

    def agree(self, *flags: bool) -> tuple[bool, ...]:
        """Return of each flag whether it is set on any rank."""
        if self._main is None:
            return flags
        found = torch.tensor(flags, dtype=torch.int32, device="cpu")
        dist.all_reduce(found, dist.ReduceOp.MAX, group=self._main)
        return tuple(map(bool, found.tolist()))
