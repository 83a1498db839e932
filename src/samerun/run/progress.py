"""A bar for people: epoch, step, newest metrics, speed, time left, last checkpoint; silent where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from time import monotonic, strftime
from typing import Any

__all__ = ["Bar"]


class Bar:
    """Shows where a run is, on stderr.

    Args:
        wanted: whether to show it; ``None`` for where stderr is a terminal.
        rank: of this process; only rank 0 shows it.
    """

    def __init__(self, wanted: bool | None, rank: int) -> None:
        self._wanted = rank == 0 and (sys.stderr.isatty() if wanted is None else wanted)
        self._progress: Any = None
        self._task: Any = None
        self._fields = {"metrics": "", "checkpoint": "", "speed": ""}
        self._began, self._steps = 0.0, 0

    def __enter__(self) -> None:
        if not self._wanted:
            return
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        except ImportError:  # the extra `cli` brings the bar
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]} {task.fields[metrics]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[checkpoint]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._progress.start()

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None

    def begin(self, epoch: int, taken: int, steps: int | None, loader: Any) -> None:
        """Begin a loop over batches."""
        if self._progress is None:
            return
        total = steps
        if total is None:
            try:
                total = len(loader)
            except TypeError:
                total = None
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._began, self._steps = monotonic(), 0
        self._task = self._progress.add_task(f"epoch {epoch}", total=total, completed=taken, **self._fields)

    def advance(self) -> None:
        """Count a step."""
        if self._task is not None:
            self._steps += 1
            self._fields["speed"] = f"{self._steps / max(monotonic() - self._began, 1e-9):.1f}/s"
            self._progress.update(self._task, advance=1, **self._fields)

    def show(self, metrics: Mapping[str, float]) -> None:
        """Show the newest metrics."""
        self._fields["metrics"] = " ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self._update()

    def saved(self) -> None:
        """Show when the last checkpoint was made."""
        self._fields["checkpoint"] = f"saved {strftime('%H:%M:%S')}"
        self._update()

    def _update(self) -> None:
        if self._task is not None:
            self._progress.update(self._task, **self._fields)
