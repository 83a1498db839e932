"""Running a recorded command again, in a fresh process, and recording it anew up to some step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samerun.determinism import environment
from samerun.errors import ProcessError, TraceError
from samerun.tracing.launch.command import injected
from samerun.tracing.reader import Trace
from samerun.tracing.session import RERUN
from samerun.tracing.settings import Settings

__all__ = ["Command"]

# Seconds between two looks at how far a run has come.
_PAUSE = 0.1
# Characters of a run's output that are shown if it fails.
_TAIL = 4000
# Interpreters without a script: what they did cannot be asked for again.
_INTERACTIVE = ("ipykernel", "ipython", "jupyter")
_NO_SCRIPT = "give the command to run instead: samerun explain A.trace B.trace -- python train.py"


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it was recorded, or as it was given.

    Attributes:
        argv: program and arguments.
        cwd: the working directory.
        variables: the environment variables that numerical libraries read, and Python's hash seed; what is not among
            them is as in this process.
        block: the path that the script itself names in ``samerun.trace(path)``, if that recorded it.
    """

    argv: tuple[str, ...]
    cwd: Path
    variables: Mapping[str, str]
    block: str | None = None

    @classmethod
    def recorded(cls, trace: Trace) -> Command:
        """Return the command that made a trace.

        Raises:
            TraceError: if it cannot be run again, such as the cells of a notebook, with what can be done instead.
        """
        path, meta = str(trace.path), trace.meta
        told = meta.get("command") or {}
        argv = [str(part) for part in told.get("argv") or []]
        if not argv:
            raise TraceError(path, f"does not say which command made it; {_NO_SCRIPT}")
        if any(name in part.lower() for part in argv for name in _INTERACTIVE) or not _has_script(argv):
            raise TraceError(path, f"was recorded in a notebook or an interactive session, {_interactive(argv)}")
        if (ranks := int(meta.get("world_size") or 1)) > 1:
            launcher = "give the command that starts all of them: samerun explain A.trace B.trace -- torchrun ..."
            raise TraceError(path, f"was recorded by one of {ranks} processes, which do not run alone; {launcher}")
        cwd = Path(str(told.get("cwd") or ""))
        if not cwd.is_dir():
            raise TraceError(path, f"was recorded in the folder {str(cwd)!r}, which is not there; {_NO_SCRIPT}")
        config = meta.get("config") or {}
        block = str(config["path"]) if config.get("begun") == "block" else None
        return cls((str(told.get("executable") or argv[0]), *argv[1:]), cwd, _variables(meta), block)

    @classmethod
    def given(cls, argv: Sequence[str], trace: Trace) -> Command:
        """Return a command to be run here, with the environment that a trace was recorded in."""
        return cls(tuple(argv), Path.cwd(), _variables(trace.meta))

    def run(self, settings: Settings, until: int, variables: Mapping[str, str] | None = None) -> None:
        """Run the command and record it into a file; it is killed once a step has ended.

        Args:
            settings: where to and what.
            until: the step.
            variables: further environment variables.

        Raises:
            ProcessError: if it ended before that step began, with the end of its output.
        """
        log = settings.path.with_suffix(".log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.argv,
                cwd=self.cwd,
                env={**self._environment(settings), **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                while process.poll() is None and _last_step(settings.path) < until:
                    time.sleep(_PAUSE)
            finally:
                _kill(process)
        if _begun_step(settings.path) < until:
            code = process.returncode
            raise ProcessError(" ".join(self.argv), code, log.read_text(errors="replace")[-_TAIL:])

    def _environment(self, settings: Settings) -> dict[str, str]:
        inherited = dict(os.environ)
        for name in environment()["variables"] or {}:  # type: ignore[union-attr]  # it is a dict
            inherited.pop(str(name), None)
        inherited.pop("PYTHONHASHSEED", None)
        inherited.update(self.variables)
        if self.block is None:
            return {**inherited, **injected(settings)}
        return {**inherited, RERUN: json.dumps({"path": self.block, "settings": settings.dumps()})}


def _has_script(argv: Sequence[str]) -> bool:
    return len(argv) > 1 and argv[-1] != "-"


def _interactive(argv: Sequence[str]) -> str:
    return f"by {' '.join(argv)!r}, whose cells are not known here; {_NO_SCRIPT}"


def _variables(meta: Mapping[str, Any]) -> dict[str, str]:
    recorded = (meta.get("environment") or {}).get("variables") or {}
    variables = {str(name): str(value) for name, value in recorded.items() if value is not None}
    seed = meta.get("hashseed")
    return variables if seed is None else {**variables, "PYTHONHASHSEED": str(seed)}


def _last_step(path: Path) -> int:
    try:
        with Trace(path) as trace:
            return trace.last_step
    except TraceError:  # it has not begun
        return -1


def _begun_step(path: Path) -> int:
    """Return the last step that anything happened in."""
    try:
        with Trace(path) as trace:
            events = trace.events(max(trace.last_step, 0))
            return max([trace.last_step, *(event.step for event in events)])
    except TraceError:
        return -1


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and those it started, such as the workers of a loader, without a chance to save anything."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()
