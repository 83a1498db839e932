"""The processes that were started, and what they started: bounded in time, and ended with whoever waits for them."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeAlias

import psutil

__all__ = ["Processes"]

# Seconds between two looks at whether a process has ended, and at its memory.
_PAUSE, _MEASURE = 0.05, 1.0

_Process: TypeAlias = "subprocess.Popen[bytes]"


class Processes:
    """Starts processes, from any thread, until it is closed; then all that it started are killed.

    Attributes:
        peak: the most bytes of memory that one of them had, with those that it started.
    """

    def __init__(self) -> None:
        self._running: set[_Process] = set()
        self._lock = threading.Lock()
        self._closed = False
        self.peak = 0

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        variables: Mapping[str, str],
        log: Path,
        timeout: float,
        enough: Callable[[], bool] = lambda: False,
    ) -> int | None:
        """Run a command to its end; return its exit code, negative for a signal, or ``None`` if it was ended.

        Args:
            argv: program and arguments.
            cwd: the folder it is run in.
            variables: environment variables.
            log: the file for what it prints.
            timeout: seconds after which it is ended.
            enough: asked now and then whether it may be ended already.

        Raises:
            OSError: if the program cannot be run.
        """
        until, due = time.monotonic() + timeout, 0.0
        with log.open("wb") as output:
            process = self._start(argv, cwd, variables, output)
            try:
                while not _has_ended(process) and (now := time.monotonic()) < until and not self._closed:
                    if now >= due:
                        self._measure(process)
                        due = now + _MEASURE
                    if enough():
                        return None
                    time.sleep(_PAUSE)
                ended = _has_ended(process)
            finally:
                with self._lock:
                    _kill(process)
                    process.wait()
                    self._running.discard(process)
        return process.returncode if ended else None

    @property
    def computed(self) -> float:
        """Seconds of computing time that processes took which this one started and which have ended."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def close(self) -> None:
        """Kill all of them; none is started any more. Whoever waits for one is told."""
        with self._lock:
            self._closed = True
            for process in self._running:
                _kill(process)

    def _start(self, argv: Sequence[str], cwd: Path, variables: Mapping[str, str], output: IO[bytes]) -> _Process:
        with self._lock:
            if self._closed:
                raise InterruptedError("no more processes are started")
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _measure(self, process: _Process) -> None:
        with suppress(psutil.Error):
            parent = psutil.Process(process.pid)
            memory = sum(found.memory_info().rss for found in (parent, *parent.children(recursive=True)))
            self.peak = max(self.peak, memory)


def _has_ended(process: _Process) -> bool:
    """Return whether it has, and leave its number to it, so that its session can still be named by that."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(process: _Process) -> None:
    """Kill a process that was not waited for yet and those of its session, such as workers that outlived it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
