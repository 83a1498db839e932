"""What the training process asks the makers of items for, and what comes back."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch.utils.data._utils.pin_memory import pin_memory

__all__ = ["Made", "Request"]


class Request(NamedTuple):
    """One batch to be made.

    Attributes:
        epoch: the epoch.
        batch: its number in the epoch, on this rank.
        ordinals: the places of its items in the epoch's global order.
        indices: what the dataset is asked for, one for each ordinal.
    """

    epoch: int
    batch: int
    ordinals: range
    indices: list[Any]


class Made:
    """A batch on its way back, with a ticket that says which one it is.

    Attributes:
        ticket: the batch's number, or what a shard of an iterable dataset says of itself.
        data: the batch.
    """

    __slots__ = ("data", "ticket")

    def __init__(self, ticket: Any, data: Any) -> None:
        self.ticket = ticket
        self.data = data

    def pin_memory(self) -> Made:
        """Pin the batch and keep the ticket; torch calls this in its pinning thread."""
        return Made(self.ticket, pin_memory(self.data))
