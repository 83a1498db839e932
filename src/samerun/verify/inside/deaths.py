"""The process ends at a chosen moment, by a signal or by itself."""

from __future__ import annotations

import os
import signal
from functools import wraps
from typing import TYPE_CHECKING, Any

from samerun.verify.inside.saves import is_in_memory, paths, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from samerun.verify.inside.process import Process

__all__ = ["disturb"]

# They write to another name, and rename that when all is there.
_ATOMIC = ("Store.commit", "TorchCheckpointIO.save_checkpoint")


def disturb(process: Process, setting: dict[str, Any]) -> None:
    """Send the process a signal, or end it.

    Args:
        process: of the script.
        setting: ``signal`` is its name, such as ``"SIGKILL"``, or ``None`` for an end in good order; ``step`` how many
            steps of the whole run are behind; ``in_save`` whether it then waits for the next save, and ends in its
            midst; ``patience`` after how many more steps it is killed if it goes on, or ``None``.
    """
    end, first, patience = _Ending(process, setting["signal"]), setting["step"], setting["patience"]
    if setting["in_save"]:
        replace(process, lambda save: _torn(process, save, first, end))
    else:
        process.at_step.append(lambda step: end() if step >= first else None)
    if patience is not None:
        process.at_step.append(lambda step: end.insist(step - first) if step >= first + patience else None)


class _Ending:
    """Ends the process, once."""

    def __init__(self, process: Process, name: str | None) -> None:
        self._process = process
        self._name = name
        self._due = True

    def __call__(self) -> None:
        """Tell of it, and do it."""
        if not self._due:
            return
        self._due = False
        self._process.tell("ends", step=self._process.step, signal=self._name)
        _finish_trace()
        if self._name is None:
            os._exit(0)
        os.kill(os.getpid(), getattr(signal, self._name))

    def insist(self, steps: int) -> None:
        """Kill the process, which has gone on for some steps in spite of the signal."""
        self._process.tell("goes on", steps=steps)
        _finish_trace()
        os.kill(os.getpid(), signal.SIGKILL)


def _finish_trace() -> None:
    """Have the trace written up to here, where the process may have no time to do it."""
    from samerun.tracing.session import Session

    if Session.active is not None and (writer := Session.active.recorder.writer) is not None:
        writer.commit()


def _torn(process: Process, save: Callable[..., Any], step: int, end: _Ending) -> Callable[..., Any]:
    """Return a function that saves, and ends the process when half of the file is there."""

    @wraps(save)
    def torn(*args: Any, **kwargs: Any) -> Any:
        if not process.is_first or process.step < step or is_in_memory(args):
            return save(*args, **kwargs)
        if save.__qualname__ in _ATOMIC:
            _end_at_rename(end)
        result = save(*args, **kwargs)
        for path in paths(args, kwargs):
            if os.path.isfile(path):  # noqa: PTH113  # it may be bytes
                os.truncate(path, os.path.getsize(path) // 2)  # noqa: PTH202
        end()
        return result

    return torn


def _end_at_rename(end: _Ending) -> None:
    """End the process before it gives what it has written its name."""
    import sys

    sys.addaudithook(lambda event, _: end() if event == "os.rename" else None)
