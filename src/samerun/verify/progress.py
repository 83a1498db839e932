"""What is being done now and how long is left, on stderr; silent where nobody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from samerun.verify.listing import costs
from samerun.verify.outcome import Outcome
from samerun.verify.scenario import Scenario
from samerun.verify.words import VERDICTS

__all__ = ["Progress"]

# Of the cost of a scenario, what is still taken for it when it should be over.
_LAST = 0.1
_MINUTE = 60


class Progress:
    """A display that :func:`samerun.verify.verify` tells how far it is, from any thread.

    Args:
        scenarios: what is tried.
        jobs: how many runs are made side by side.
        console: where it is shown, if that is a terminal.
        quick: whether only the quick trials of each are made.
        clock: seconds.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        jobs: int,
        console: Console,
        *,
        quick: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._costs = costs(scenarios, quick=quick)
        self._jobs = jobs
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._first: float | None = None
        self._running: dict[str, tuple[str, float]] = {}
        self._started: dict[str, float] = {}
        self._done: list[Outcome] = []
        self._live = Live(console=console, transient=True, refresh_per_second=4, get_renderable=self._shown)
        self._wanted = console.is_terminal

    def __enter__(self) -> Progress:
        if self._wanted:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._wanted:
            self._live.stop()

    def __call__(self, text: str, outcomes: Sequence[Outcome]) -> None:
        """Note what begins, or what came of it."""
        with self._lock:
            now = self._clock()
            if self._first is None and self._running:
                self._first = now - self._began
                self._running.clear()
            if text:
                scenario = text.partition(": ")[0]
                self._running[scenario] = text, now
                self._started.setdefault(scenario, now)
            for outcome in outcomes:
                self._running.pop(outcome.scenario, None)
                self._done.append(outcome)

    @property
    def left(self) -> float | None:
        """How many seconds are left, about; ``None`` before the first run has ended."""
        if self._first is None:
            return None
        now, known = self._clock(), {outcome.scenario for outcome in self._done}
        left = 0.0
        for names, cost in self._costs.items():
            running = [name for name in names if name in self._running]
            if running:
                spent = (now - min(self._started[name] for name in running)) / max(self._first, 1e-9)
                left += max(cost - spent, _LAST)
            elif not known.intersection(names):
                left += cost
        return left * self._first / self._jobs

    def _shown(self) -> RenderableType:
        with self._lock:
            now, left = self._clock(), self.left
            lines = Table.grid(padding=(0, 1), expand=True)
            lines.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
            lines.add_column(justify="right", no_wrap=True)
            for text, since in self._running.values():
                lines.add_row(Text(text), Text(_time(now - since), style="dim"))
            return Group(lines, self._bar(now, left))

    def _bar(self, now: float, left: float | None) -> RenderableType:
        passed = now - self._began
        bar = ProgressBar(total=passed + (left or 0.0), completed=passed, width=24, pulse=left is None)
        grid = Table.grid(padding=(0, 2))
        said = "" if left is None else f"about {_time(left)} left"
        grid.add_row(bar, Text(said), Text(_counts(self._done), style="dim"))
        return grid


def _counts(done: Sequence[Outcome]) -> str:
    counts = {name: sum(outcome.status == status for outcome in done) for status, name in VERDICTS.items()}
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)


def _time(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < _MINUTE else f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
