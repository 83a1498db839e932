"""Running a recorded command again, in a fresh process, and recording it anew up to some step."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samerun.determinism import environment
from samerun.errors import ProcessError, TraceError
from samerun.tracing.launch.command import injected
from samerun.tracing.launch.ending import has_ended, kill_group
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
_GIVE = "give the command to run: samerun explain A.trace B.trace -- python train.py"
_GIVE_ALL = "give the command that starts all of them: samerun explain A.trace B.trace -- torchrun train.py"


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
        told, config = _mapping(meta.get("command")), _mapping(meta.get("config"))
        argv = _strings(told.get("argv"))
        if not argv:
            raise TraceError(path, f"does not say which command made it; {_GIVE}")
        if any(name in part.lower() for part in argv for name in _INTERACTIVE) or not _has_script(argv):
            session = f"was recorded in a notebook or an interactive session ({shlex.join(argv)})"
            raise TraceError(path, f"{session}, whose code is not known here; {_GIVE}")
        if (ranks := meta.get("world_size") or 1) != 1:
            raise TraceError(path, f"was recorded by one of {ranks} processes, which do not run alone; {_GIVE_ALL}")
        cwd = Path(str(told.get("cwd") or ""))
        if not cwd.is_dir():
            raise TraceError(path, f"was recorded in the folder {str(cwd)!r}, which is not there; {_GIVE}")
        block = str(config.get("path")) if config.get("begun") == "block" else None
        return cls((str(told.get("executable") or argv[0]), *argv[1:]), cwd, _variables(meta), block)

    @classmethod
    def given(cls, argv: Sequence[str], trace: Trace) -> Command:
        """Return a command to be run here, with the environment that a trace was recorded in."""
        return cls(tuple(argv), Path.cwd(), _variables(trace.meta))

    def __str__(self) -> str:
        return f"{shlex.join(self.argv)} (in {self.cwd})"

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
                while not has_ended(process) and _last_step(settings.path) < until:
                    time.sleep(_PAUSE)
            finally:
                kill_group(process)
                process.wait()
        if _begun_step(settings.path) < until:
            code = process.returncode
            raise ProcessError(shlex.join(self.argv), code, log.read_text(errors="replace")[-_TAIL:])

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


def _variables(meta: Mapping[str, Any]) -> dict[str, str]:
    recorded = _mapping(_mapping(meta.get("environment")).get("variables"))
    variables = {str(name): str(value) for name, value in recorded.items() if value is not None}
    seed = meta.get("hashseed")
    return variables if seed is None else {**variables, "PYTHONHASHSEED": str(seed)}


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object; an empty one for what is none, as a trace may hold anything."""
    return value if isinstance(value, dict) else {}


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
