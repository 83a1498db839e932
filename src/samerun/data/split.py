"""Dealing an epoch's global order out to ranks."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import torch.distributed as dist

__all__ = ["Split", "Uneven", "check_uneven", "ranks"]

#: What happens where the samples do not go round: some come twice, the last are left out, or some ranks get fewer.
Uneven: TypeAlias = Literal["pad", "drop", "short"]


def check_uneven(uneven: str) -> None:
    """Raise ``ValueError`` unless it is one of the choices."""
    if uneven not in get_args(Uneven):
        raise ValueError(f"uneven must be one of {', '.join(map(repr, get_args(Uneven)))}, not {uneven!r}")


def ranks(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return ``(rank, world size)``: as given, else of ``torch.distributed``, else of the environment, else ``(0, 1)``.

    Raises:
        ValueError: for a rank outside ``[0, world_size)``.
    """
    if rank is None or world_size is None:
        if dist.is_available() and dist.is_initialized():
            found = dist.get_rank(), dist.get_world_size()
        else:
            found = _from_environment("RANK", 0), _from_environment("WORLD_SIZE", 1)
        rank = found[0] if rank is None else rank
        world_size = found[1] if world_size is None else world_size
    if world_size < 1:
        raise ValueError(f"world_size must be 1 or more, not {world_size}")
    if not 0 <= rank < world_size:
        raise ValueError(f"rank must be from 0 to world_size - 1, and is {rank} with world_size {world_size}")
    return rank, world_size


def _from_environment(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the environment variable {variable} is {text!r}, which is no integer") from None


@dataclass(frozen=True, slots=True)
class Split:
    """One rank's part of a global order: every ``world_size``-th sample, as ``DistributedSampler`` has it.

    Attributes:
        rank, world_size: whose part.
        uneven: what happens at an end that does not go round.
    """

    rank: int
    world_size: int
    uneven: Uneven

    def count(self, samples: int) -> int:
        """Return how many of that many samples this rank gets."""
        if self.uneven == "pad":
            return -(-samples // self.world_size)
        if self.uneven == "drop":
            return samples // self.world_size
        return len(range(self.rank, samples, self.world_size))

    def most(self, samples: int) -> int:
        """Return how many of that many samples the rank with the most gets."""
        return replace(self, rank=0).count(samples)

    def ordinals(self, first: int, samples: int) -> range:
        """Return this rank's ordinals among ``samples`` that begin at ordinal ``first``; padding lies behind them."""
        return range(first + self.rank, first + self.rank + self.count(samples) * self.world_size, self.world_size)
