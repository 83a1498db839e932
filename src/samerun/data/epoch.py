"""One pass over a loader, as the loop sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Generic, TypeVar

from samerun.errors import LoaderError

if TYPE_CHECKING:
    from samerun.data.loader import DataLoader
    from samerun.data.position import Progress, ShardProgress

__all__ = ["Epoch"]

T_co = TypeVar("T_co", covariant=True)


class Epoch(Iterator[T_co], Generic[T_co]):
    """The iterator that ``iter(loader)`` gives. While it is alive and not exhausted, the loader is inside this epoch.

    It holds the loader, and the loader knows it only weakly: so a loop left by ``break`` lets it go, which ends the
    epoch, and a loader that is dropped takes its workers along.
    """

    def __init__(self, loader: DataLoader[T_co]) -> None:
        self._loader = loader
        self._begin()

    def _begin(self) -> None:
        """Begin where the loader is to go on."""
        loader = self._loader
        version = loader._version
        self._progress: Progress | ShardProgress
        self._progress, self._inner = loader._begin()
        self._version = version  # last: what fails on the way is tried again
        # The workers may live on into another epoch, and are not this one's any more then.
        self._lease = self._inner.lease = object()
        self._opening: AbstractContextManager[object] | None = loader._kind.opening(self._progress.place)

    def __iter__(self) -> Epoch[T_co]:
        return self

    def __len__(self) -> int:
        return len(self._loader)

    def __next__(self) -> T_co:
        if self._version != self._loader._version and self._loader._current() is self:
            self._begin()
        if self._inner.lease is not self._lease:
            reason = (
                "persistent workers make one epoch at a time, and another iter(loader) has taken them; use it alone"
            )
            raise LoaderError(f"the iterator over epoch {self._progress.epoch}", reason)
        batch: T_co
        try:
            if self._opening is None:
                batch = next(self._inner)
            else:
                opening, self._opening = self._opening, None
                with opening:
                    batch = next(self._inner)
        except StopIteration:
            self._progress.end()
            raise
        return batch
