"""The processes that were started, and what they started: bounded in time, and ended with whoever waits for them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from samerun.errors import VerifyError
from samerun.tracing.launch.ending import has_ended, kill_group

__all__ = ["Processes"]

# Seconds between two looks at whether a process has ended, and at its memory.
_PAUSE, _MEASURE = 0.05, 1.0
# Bytes that a process may print; one that prints without end would fill the disk.
_LONGEST = 1 << 30


class Processes:
    """Starts processes, from any thread, until it is closed; then all that it started are killed.

    Attributes:
        peak: the most bytes of memory that one of them had, with those that it started.
        started: how many were started.

    Raises:
        VerifyError: on Windows.
    """

    def __init__(self) -> None:
        if not hasattr(os, "killpg"):
            reason = "ends processes by their session, which Windows does not have; run it in WSL, on Linux or macOS"
            raise VerifyError("samerun verify", reason)
        self._running: set[_Family] = set()
        self._lock = threading.Lock()
        self._closed = False
        self.peak = 0
        self.started = 0

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

        One that prints too much is ended like one that wrote too large a file, and what it printed says so.

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
            family = self._start(argv, cwd, variables, output)
            process, full = family.process, False
            try:
                while not full and not has_ended(process) and (now := time.monotonic()) < until and not self._closed:
                    if now >= due:
                        self.peak = max(self.peak, family.look())
                        full = os.fstat(output.fileno()).st_size > _LONGEST
                        due = now + _MEASURE
                    if enough():
                        return None
                    time.sleep(_PAUSE)
                ended = has_ended(process)
            finally:
                with self._lock:
                    family.kill()
                    process.wait()
                    self._running.discard(family)
            if full:
                output.write(b"\nsamerun verify: ended, as it printed more than %d bytes\n" % _LONGEST)
                return -signal.SIGXFSZ
        return process.returncode if ended else None

    @property
    def computed(self) -> float:
        """Seconds of computing time that processes took which this one started and which have ended."""
        times = os.times()
        return times.children_user + times.children_system

    def close(self) -> None:
        """Kill all of them; none is started any more. Whoever waits for one is told."""
        with self._lock:
            self._closed = True
            for family in self._running:
                family.kill()

    def _start(self, argv: Sequence[str], cwd: Path, variables: Mapping[str, str], output: IO[bytes]) -> _Family:
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
            family = _Family(process)
            self._running.add(family)
            self.started += 1
            return family


class _Family:
    """A process and what came of it, also what left its session, as the workers of torchrun do."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._members: list[psutil.Process] = []
        with suppress(psutil.Error):
            self._members.append(psutil.Process(process.pid))

    def look(self) -> int:
        """Note who belongs to it now; return the bytes of memory they have.

        Who was seen once is known by number and time of birth, and belongs to it also when its parent has ended.
        """
        found: dict[psutil.Process, None] = {}
        for member in self._members:
            # All below the first are found at once; only those whose parents have ended must be asked themselves.
            if member not in found and member.is_running():
                found[member] = None
                with suppress(psutil.Error):
                    found.update(dict.fromkeys(member.children(recursive=True)))
        self._members = list(found)
        return sum(_memory(member) for member in found)

    def kill(self) -> None:
        """Kill all of it; nobody has waited for the process yet."""
        self.look()  # once a parent is killed, its children are nobody's
        kill_group(self.process)
        for member in self._members:
            with suppress(psutil.Error):
                member.kill()


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
