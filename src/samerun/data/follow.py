"""Hearing of the epoch where frameworks tell it: at the sampler."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samerun.data.loader import DataLoader

__all__ = ["Following"]


class Following:
    """``set_epoch`` of the sampler that a loader made for itself: says it to the loader.

    Lightning tells each sampler which epoch begins, after it has called ``iter`` and whether or not it has loaded the
    loader's state; it does not load it from a checkpoint of the end of an epoch. Knows the loader weakly, because a
    loader that is dropped takes its workers along, and is not copied with it. Shallow copies of a loader share the
    sampler, and all are told.
    """

    def __init__(self) -> None:
        self._loaders: weakref.WeakSet[DataLoader[Any]] = weakref.WeakSet()

    @classmethod
    def let(cls, loader: DataLoader[Any]) -> None:
        """Let a loader hear what its sampler is told."""
        attributes = vars(loader.sampler)
        if not isinstance(attributes.get("set_epoch"), cls):
            attributes["set_epoch"] = cls()
        attributes["set_epoch"]._loaders.add(loader)

    def __call__(self, epoch: int) -> None:
        for loader in list(self._loaders):
            loader.set_epoch(epoch)

    def __reduce__(self) -> tuple[type[Following], tuple[()]]:
        return Following, ()
