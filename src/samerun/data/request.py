"""What the training process asks the makers of items for, and what they hand on."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

__all__ = ["Made", "Message", "Request"]

#: A request on its way to a worker: plain values, which are pickled in a fraction of the time.
Message: TypeAlias = tuple[int, int, int, int, int, list[Any]]


class Request(NamedTuple):
    """One batch to be made.

    Attributes:
        epoch: the epoch.
        batch: its number among those asked for since the epoch was begun here.
        ordinals: the places of its items in the epoch's global order.
        indices: what the dataset is asked for, one for each ordinal.
    """

    epoch: int
    batch: int
    ordinals: range
    indices: list[Any]

    def message(self) -> Message:
        """Return it as it is sent."""
        ordinals = self.ordinals
        return self.epoch, self.batch, ordinals.start, ordinals.stop, ordinals.step, self.indices

    @classmethod
    def of(cls, message: Message) -> Request:
        """Return what a message stands for."""
        epoch, batch, start, stop, step, indices = message
        return cls(epoch, batch, range(start, stop, step), indices)


class Made(NamedTuple):
    """The items of a request, on their way to be collated."""

    request: Request
    items: Any
