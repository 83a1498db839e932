"""The process that a script runs in, as what disturbs it sees it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from samerun.tracing.launch.injection import when_imported

__all__ = ["Process"]


class Process:
    """A process of the script.

    Args:
        report: the file that it tells of itself in, a line of JSON each.

    Attributes:
        start: the step of the whole run that this process began with, as far as it is known.
        at_step: what is called at the end of each optimizer step, with the number of steps behind it in the whole run.
    """

    def __init__(self, report: Path) -> None:
        self._report = report
        self._pid = os.getpid()
        self.start = 0
        self.at_step: list[Callable[[int], object]] = []

    @property
    def folder(self) -> Path:
        """What the run writes lies below it: its working directory and its folder for output."""
        return self._report.parent

    @property
    def is_first(self) -> bool:
        """Whether this is the process that was started, and not one that it forked."""
        return os.getpid() == self._pid

    @property
    def step(self) -> int:
        """How many optimizer steps of the whole run are behind."""
        from samerun.tracing.session import Session

        return self.start + (Session.active.recorder.step if Session.active is not None else 0)

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """Do something that no trace is told of."""
        from samerun.tracing.session import Session

        if Session.active is None:
            yield
        else:
            with Session.active.recorder.aside():
                yield

    def tell(self, event: str, **facts: object) -> None:
        """Write down that something happened, so that it is there if the process is killed at once."""
        line = json.dumps({"event": event, "pid": os.getpid(), **facts}) + "\n"
        with self._report.open("a", encoding="utf-8") as file:
            file.write(line)

    def when_imported(self, module: str, action: Callable[[], object]) -> None:
        """Do something once a module is there."""
        when_imported(module, action)
