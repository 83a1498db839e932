"""A bar for what takes longer than two seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["slow"]

T = TypeVar("T")

_PATIENCE = 2.0


def slow(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Yield the items; once two seconds have gone by, a bar says how many there were."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task(what, total=total)
    began, shown = monotonic(), False
    try:
        for done, item in enumerate(items, 1):
            yield item
            progress.update(task, completed=done)
            if not shown and monotonic() - began > _PATIENCE:
                progress.start()
                shown = True
    finally:
        if shown:
            progress.stop()
