"""torch's two iterators over a loader, built on a view of it in which samerun's parts stand for the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch
from torch._utils import ExceptionWrapper
from torch.utils.data.dataloader import (
    _MultiProcessingDataLoaderIter,
    _SingleProcessDataLoaderIter,
)

from samerun.data.generators import lent
from samerun.data.position import Progress, ShardProgress
from samerun.rng.source import Source

__all__ = ["View", "iterate"]


class View:
    """A loader as torch's iterators see it: some attributes replaced, the others the loader's own."""

    def __init__(self, loader: object, **replaced: object) -> None:
        self._loader = loader
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def iterate(view: View, progress: Progress | ShardProgress, sources: Callable[[], Iterable[Source[Any]]]) -> Any:
    """Return torch's iterator over a view.

    Args:
        view: of the loader.
        progress: is told the ticket of each batch the loop gets.
        sources: returns the generators to be lent where items are made in this process.
    """
    if view.num_workers == 0:
        return _InProcess(view, progress, sources)
    # Plain torch cannot send a torch.Generator to a worker that is not forked.
    ForkingPickler.register(torch.Generator, _reduced)
    return _InWorkers(view, progress)


def _reduced(generator: torch.Generator) -> tuple[Callable[..., torch.Generator], tuple[object, ...]]:
    return _generator, (str(generator.device), generator.get_state().numpy().tobytes())


def _generator(device: str, state: bytes) -> torch.Generator:
    generator = torch.Generator(device)
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8).clone())
    return generator


class _InProcess(_SingleProcessDataLoaderIter):
    """Makes the items in the training process, whose generators and threads come back after each batch."""

    def __init__(
        self, view: View, progress: Progress | ShardProgress, sources: Callable[[], Iterable[Source[Any]]]
    ) -> None:
        super().__init__(view)
        self.progress: Any = progress
        self._sources = sources

    def _next_data(self) -> Any:
        try:
            with lent(self._sources()):
                ticket, data = super()._next_data()  # type: ignore[no-untyped-call]
        except Exception:
            self.progress.failed()
            raise
        self.progress.received(ticket)
        return data


class _InWorkers(_MultiProcessingDataLoaderIter):
    """Asks workers for the items."""

    def __init__(self, view: View, progress: Progress | ShardProgress) -> None:
        self.progress: Any = progress
        self._rotation = view.first_worker
        super().__init__(view)

    def reset(self, view: View, progress: Progress | ShardProgress) -> None:
        """Go on with the same workers in another epoch."""
        self.progress = progress
        self._rotation = view.first_worker
        self._reset(view)

    def _try_put_index(self) -> None:
        # torch deals the batches out from worker 0 on; resuming goes on with the worker whose turn it is.
        for _ in range(self._rotation):
            next(self._worker_queue_idx_cycle)
        self._rotation = 0
        super()._try_put_index()

    def _next_data(self) -> Any:
        ticket, data = super()._next_data()  # type: ignore[no-untyped-call]
        if isinstance(data, ExceptionWrapper):
            self.progress.failed(ticket)
            data.reraise()
        self.progress.received(ticket)
        return data
