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
    loader that is dropped takes its workers along, and is not copied with it.
    """

    def __init__(self, loader: DataLoader[Any] | None = None) -> None:
        self._loader = (lambda: None) if loader is None else weakref.ref(loader)

    def __call__(self, epoch: int) -> None:
        loader = self._loader()
        if loader is not None:
            loader.set_epoch(epoch)

    def __reduce__(self) -> tuple[type[Following], tuple[()]]:
        return Following, ()
