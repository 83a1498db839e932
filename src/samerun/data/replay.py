"""Waiting for items of an iterable dataset to be made again, with a bar."""

from __future__ import annotations

import threading
import warnings

import torch

from samerun.errors import SamerunWarning

__all__ = ["Replay"]

# Seconds before a bar is shown, and between two looks.
_PATIENCE, _PERIOD = 2.0, 0.1


class Replay:
    """The context of waiting for a resumed iterable dataset that has no state of its own.

    Args:
        dataset: the name of its type.
        items: how many items are made again, by all workers together.
        made: ``int64[workers]``, how many each has made; shared with the workers.
    """

    def __init__(self, dataset: str, items: int, made: torch.Tensor) -> None:
        self._dataset, self._items, self._made = dataset, items, made
        self._arrived = threading.Event()

    def __enter__(self) -> None:
        warnings.warn(
            f"{self._dataset} has no state_dict() and load_state_dict(), so to resume in the middle of an epoch"
            f" {self._items:,} items are made again and thrown away; give it both to resume at once",
            SamerunWarning,
            stacklevel=3,
        )
        threading.Thread(target=self._show, daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self._arrived.set()

    def _show(self) -> None:
        if self._arrived.wait(_PATIENCE):
            return
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        except ImportError:  # the extra brings the bar; the sentence was said
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(f"making items of {self._dataset} again", total=self._items)
            while not self._arrived.wait(_PERIOD):
                progress.update(task, completed=int(self._made.sum()))
