"""Being asked to stop: signals are noted, and answered at the next step boundary."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

from torch.utils.data import get_worker_info

from samerun.data.maker import at_worker_start

__all__ = ["Signals"]


class Signals:
    """While entered, notes the first signal of each kind in place of dying from it.

    A second SIGINT kills at once. In a forked worker of a loader any second one does: the first may have been sent to
    the whole group of processes, while the training still needs its workers. (For SIGTERM torch gives workers a
    handler of its own, which ends them; samerun's loaders get this one back.) In any other forked process the handlers
    that were there get the first one too. Only in the main thread, as Python handles signals nowhere else; elsewhere
    entering does nothing. The handlers that were there come back, and get what was noted and not answered.

    Args:
        numbers: which signals.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._numbers = tuple(numbers)
        self._before: dict[signal.Signals, Any] = {}
        self._process = os.getpid()
        self.received: signal.Signals | None = None

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self._numbers}
            at_worker_start.append(self._take)
            _entered.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        before, self._before = self._before, {}
        if self._take in at_worker_start:
            at_worker_start.remove(self._take)
        if self in _entered:
            _entered.remove(self)
        for number, handler in before.items():
            above = next((other for other in _entered if other._before.get(number) == self._note), None)
            if above is None:
                _put_back(number, handler)
            else:  # of another run, whose loop began inside this one's and goes on
                above._before[number] = handler
        pending, self.received = self.received, None
        if pending is not None:
            signal.raise_signal(pending)

    def _take(self) -> None:
        for number in self._before:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        found, forked = signal.Signals(number), os.getpid() != self._process
        if forked and get_worker_info() is None:
            _put_back(found, self._before.get(found))
            signal.raise_signal(found)
        elif self.received is found and (found is signal.SIGINT or forked):
            _put_back(found, None)
            signal.raise_signal(found)
        else:
            self.received = found

    def answer(self) -> None:
        """Leave the process as the signal would have: ``KeyboardInterrupt``, or an exit with 128 + its number."""
        number, self.received = self.received, None
        if number is signal.SIGINT:
            raise KeyboardInterrupt
        if number is not None:
            raise SystemExit(128 + number)


# Those that are entered, of several runs in whatever order they end.
_entered: list[Signals] = []


def _put_back(number: signal.Signals, handler: Any) -> None:
    # None stands for one that was not installed from Python, which cannot be put back.
    signal.signal(number, signal.SIG_DFL if handler is None else handler)
