"""Being asked to stop: signals are noted, and answered at the next step boundary."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

__all__ = ["Signals"]


class Signals:
    """While entered, notes the first signal of each kind in place of dying from it.

    A second SIGINT kills at once. Only in the main thread, as Python handles signals nowhere else; elsewhere entering
    does nothing. The handlers that were there come back.

    Args:
        numbers: which signals.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._numbers = tuple(numbers)
        self._before: dict[signal.Signals, Any] = {}
        self._depth = 0
        self.received: signal.Signals | None = None

    def __enter__(self) -> Signals:
        self._depth += 1
        if self._depth == 1 and threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self._numbers}
        return self

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            before, self._before = self._before, {}
            for number, handler in before.items():
                # None stands for one that was not installed from Python, which cannot be put back.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        found = signal.Signals(number)
        if found is signal.SIGINT and self.received is signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        self.received = found

    def answer(self) -> None:
        """Leave the process as the signal would have: ``KeyboardInterrupt``, or an exit with 128 + its number."""
        number, self.received = self.received, None
        if number is signal.SIGINT:
            raise KeyboardInterrupt
        if number is not None:
            raise SystemExit(128 + number)
