"""Noticing torch's loaders with persistent workers inside a run, which draw their seed once in each process."""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

from torch.utils.data import DataLoader as TorchDataLoader

from samerun.data import DataLoader
from samerun.errors import SamerunWarning

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
        self._original: Callable[[Any], Any] | None = None

    def __enter__(self) -> None:
        original, owner = TorchDataLoader.__iter__, os.getpid()

        @wraps(original)
        def telling(loader: Any) -> Any:
            if os.getpid() == owner:
                self._look(loader)
            return original(loader)

        self._original = original
        TorchDataLoader.__iter__ = telling  # type: ignore[method-assign]

    def __exit__(self, *error: object) -> None:
        TorchDataLoader.__iter__ = self._original  # type: ignore[method-assign,assignment]

    def _look(self, loader: Any) -> None:
        persistent = loader.persistent_workers and loader.num_workers > 0 and not isinstance(loader, DataLoader)
        if persistent and loader not in self._told and not self._allowed():
            self._told.add(loader)
            warnings.warn(
                f"a torch DataLoader over {type(loader.dataset).__qualname__} with persistent_workers=True is iterated"
                " inside the run: it draws the seed of its workers once in each process, so a resumed run will differ;"
                " put the pass into `with samerun.isolate():`, or give the loader to samerun.exact(...)",
                SamerunWarning,
                stacklevel=3,
            )
