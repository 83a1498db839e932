"""Noticing torch's loaders with persistent workers inside a run, which draw their seed once in each process."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader as TorchDataLoader

from samerun.data import DataLoader
from samerun.errors import SamerunWarning
from samerun.run.lookout import Lookout

__all__ = ["PersistentTold"]


class PersistentTold:
    """While entered, a pass over such a loader is warned of, once for each.

    It draws the seed of its workers from the generators of the run at its first pass and never again, so that a resumed
    run, in another process, draws once more than the uninterrupted one.

    Args:
        allowed: returns whether draws are harmless at the moment, as inside ``isolate()``.
    """

    def __init__(self, allowed: Callable[[], bool]) -> None:
        self._allowed = allowed
        self._told: weakref.WeakSet[Any] = weakref.WeakSet()

    def __enter__(self) -> None:
        _passes.begin(self._look)

    def __exit__(self, *error: object) -> None:
        _passes.end(self._look)

    def _look(self, what: str, loader: Any) -> None:
        draws = loader.num_workers > 0 and loader.generator is None and not isinstance(loader, DataLoader)
        if loader.persistent_workers and draws and loader not in self._told and not self._allowed():
            self._told.add(loader)
            warnings.warn(
                f"a {type(loader).__qualname__} over {type(loader.dataset).__qualname__} with persistent_workers=True"
                " is iterated inside the run: it draws the seed of its workers once in each process, so a resumed run"
                " will differ; put the pass into `with samerun.isolate():`, or make it a samerun.DataLoader, as"
                " samerun.exact(...) does with torch's",
                SamerunWarning,
                stacklevel=3,
            )


def _kinds(kind: type[Any]) -> Iterator[tuple[Any, str]]:
    """Yield where the classes of loaders begin a pass in a way of their own."""
    if "__iter__" in vars(kind):
        yield kind, "__iter__"
    for inner in type.__subclasses__(kind):
        if inner is not DataLoader:
            yield from _kinds(inner)


_passes = Lookout(lambda _: _kinds(TorchDataLoader))
