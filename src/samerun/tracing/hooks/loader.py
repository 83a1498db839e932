"""The loaders: when a pass over one begins, when a batch is asked for, and when it has come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch.utils.data import dataloader

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook torch's iterators, and those that are derived from them, now or later."""
    base, in_workers = dataloader._BaseDataLoaderIter, dataloader._MultiProcessingDataLoaderIter
    fetches = _Fetches(recorder)
    watched: set[type] = set()

    def watch(kind: type) -> None:
        if "__next__" in vars(kind) and kind not in watched:
            watched.add(kind)
            patches.watch(kind, "__next__", fetches.begin, fetches.end, fetches.fail)

    # An iterator is made before the generators draw its seed; with persistent workers it is reset for each pass.
    def made(iterator: Any, loader: Any, *_: Any, **__: Any) -> None:
        for kind in type(iterator).__mro__:
            watch(kind)
        recorder.pass_begins(iterator, _loader(loader))

    def was_made(_: Any, __: Any, iterator: Any, loader: Any, *___: Any, **____: Any) -> None:
        if loader.num_workers:
            recorder.workers_seeded(iterator, iterator._base_seed)

    def reset(iterator: Any, loader: Any, first_iter: bool = False) -> None:
        if not first_iter:
            recorder.pass_begins(iterator, _loader(loader))

    def built(_: Any, __: Any, loader: Any, *___: Any, **____: Any) -> None:
        recorder.loader_made(loader)

    patches.watch(dataloader.DataLoader, "__init__", after=built)
    for kind in _derived(base):  # of which there may be iterators already
        watch(kind)
    patches.watch(base, "__init__", made, was_made)
    patches.watch(in_workers, "_reset", reset)


def _derived(kind: Any) -> Iterator[type]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _derived(inner)


def _loader(loader: Any) -> Any:
    """Return the loader itself where samerun's own gave torch a view of it."""
    return vars(loader).get("_loader", loader)


class _Fetches:
    """The fetches under way. One that calls that of a base class is one fetch."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._inside = threading.local()

    def begin(self, iterator: Any) -> bool:
        outermost = getattr(self._inside, "iterator", None) is not iterator
        if outermost:
            self._inside.iterator = iterator
            self._recorder.fetching(iterator)
        return outermost

    def end(self, outermost: bool, batch: Any, iterator: Any) -> None:
        if outermost:
            self._inside.iterator = None
            self._recorder.fetched(iterator, batch)

    def fail(self, outermost: bool, iterator: Any) -> None:
        if outermost:
            self._inside.iterator = None
