"""Running a command with the recorder injected into every Python process it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from samerun.errors import TraceError
from samerun.tracing.files import siblings
from samerun.tracing.launch.injection import ARMED, FROM, VARIABLE, arm
from samerun.tracing.settings import Settings
from samerun.tracing.writer import make_way

__all__ = ["Outcome", "injected", "run"]

_SITE = Path(__file__).parent / "site"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command.

    Attributes:
        code: its exit code; ``128 + n`` if signal n ended it.
        traces: the files that were made, by process: ``rank 0``, ``rank 1``, ``process 2``.
    """

    code: int
    traces: dict[str, Path]


def run(command: Sequence[str], settings: Settings) -> Outcome:
    """Run a command to its end, with its own input and output.

    ``PYTHONPATH`` begins with a folder that holds a ``sitecustomize``, which runs the one that was there before. So
    scripts, ``-m``, processes that are forked or spawned, and the ranks of ``torchrun`` are all reached; ``-E``, ``-I``
    and ``-S`` switch it off.

    Raises:
        TraceError: if there are traces of this name, or if the command cannot be run or made none.
    """
    make_way(settings.path, force=settings.force)
    try:
        process = subprocess.Popen(command, env={**os.environ, **injected(settings)})
    except OSError as error:
        raise TraceError(str(settings.path), f"was not made: {command[0]!r} cannot be run: {error}") from error
    code = _wait(process)
    return Outcome(128 - code if code < 0 else code, siblings(settings.path))


def injected(settings: Settings) -> dict[str, str]:
    """Return the environment variables that make every Python process record itself."""
    path = os.pathsep.join([str(_SITE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path, ARMED: arm.__module__, VARIABLE: settings.dumps(), FROM: str(Path(__file__).parents[3])}


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process, to which an order to end is passed on; Ctrl-C reaches it by itself."""
    handlers = {signal.SIGTERM: lambda number, _: process.send_signal(number), signal.SIGINT: _ignore}
    if threading.current_thread() is not threading.main_thread():  # no other may answer signals
        handlers.clear()
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(_: int, __: FrameType | None) -> None:
    """Let the process that was started answer Ctrl-C; unlike ``SIG_IGN``, this is not inherited by it."""
