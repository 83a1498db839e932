"""A trial made: the processes of one run, in a row, each resuming what the one before it left."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from samerun.tracing.format import is_untrained
from samerun.tracing.launch.command import injected
from samerun.tracing.launch.injection import ARMED
from samerun.tracing.reader import Trace
from samerun.tracing.settings import Settings
from samerun.tracing.spans import spans
from samerun.verify.conditions import Conditions
from samerun.verify.inside import injection, position
from samerun.verify.processes import Processes
from samerun.verify.script import Script
from samerun.verify.trial import Death, Trial
from samerun.verify.workspace import Workspace

__all__ = ["Life", "Lived", "live", "write_steps"]

# Bytes of the output of a process that failed; a traceback through a framework has some thousand.
_TAIL = 16_000
# Seconds between two looks at whether a run differs already; more if a look takes long.
_LOOK, _LOOKS = 0.5, 5.0


@dataclass(frozen=True, slots=True)
class Lived:
    """One process of a run.

    Attributes:
        trace: its file; it may not be there.
        code: its exit code, negative for a signal; ``None`` if it was ended because enough was known, or for its time.
        events: what it told of itself.
        death: how it was ended, if it was; otherwise it came to the end of the script.
        output: the end of what it printed.
    """

    trace: Path
    code: int | None
    events: tuple[dict[str, object], ...]
    death: Death | None
    output: str

    @property
    def failed(self) -> bool:
        """Whether it ended badly and not as it was told to."""
        return self.death is None and self.code not in (0, None)

    @property
    def saves(self) -> list[int]:
        """How many steps were behind at each save but the one that it was ended in the midst of."""
        steps = [int(str(event["step"])) for event in self.told("save")]
        return steps[:-1] if self.death is not None and self.death.in_save else steps

    @property
    def start(self) -> int | None:
        """The step of the whole run that it began with; ``None`` if it made none."""
        return next((int(str(event["step"])) for event in self.told("begins")), None)

    def told(self, event: str) -> list[dict[str, object]]:
        """Return what it told of one kind."""
        return [found for found in self.events if found["event"] == event]


@dataclass(frozen=True, slots=True)
class Life:
    """The processes of a run.

    Attributes:
        trial: what was tried.
        workspace: where what it left lies.
        place: where it was run.
        processes: in a row; the last one came to its own end, or was seen to differ.
        seconds: what it took.
        timed_out: whether its time was over.
        spared: deaths of the trial that were left out, as it had been seen to begin anew after others.
    """

    trial: Trial
    workspace: Workspace
    place: Workspace
    processes: tuple[Lived, ...]
    seconds: float
    timed_out: bool
    spared: tuple[Death, ...] = ()

    def moved(self, folder: Path) -> Life:
        """Move the workspace, and return the same life there."""
        self.workspace.root.rename(folder)
        there = replace(self.workspace, root=folder)
        processes = [replace(process, trace=there.trace(number)) for number, process in enumerate(self.processes)]
        return replace(self, workspace=there, processes=tuple(processes))


def live(
    script: Script,
    trial: Trial,
    workspace: Workspace,
    processes: Processes,
    timeout: float,
    *,
    table: Path | None = None,
    differs: Callable[[Path], bool] = lambda _: False,
    saves: bool = False,
) -> Life:
    """Run a script as a trial says.

    Args:
        script: what is run.
        trial: under which conditions, and with which deaths.
        workspace: where.
        processes: what starts them.
        timeout: seconds that the run may take.
        table: the file that :func:`write_steps` made of the first run, by which a process knows where it is.
        differs: asked now and then of the trace of a process, and again when that was killed; if so, the run is ended.
        saves: whether it is seen when the script saves; then the command for resuming is used once it has.
    """
    # Not in the workspace: the paths of sockets, which multiprocessing makes there, must be short.
    with TemporaryDirectory(prefix="samerun-", ignore_cleanup_errors=True) as scratch:
        return _Living(script, trial, workspace, processes, timeout, table, differs, saves, Path(scratch)).life()


@dataclass(frozen=True, slots=True)
class _Living:
    script: Script
    trial: Trial
    workspace: Workspace
    processes: Processes
    timeout: float
    table: Path | None
    differs: Callable[[Path], bool]
    saves: bool
    scratch: Path

    def life(self) -> Life:
        start = time.monotonic()
        deaths = list(self.trial.deaths)
        if self.script.steps is not None:
            deaths.append(Death(self.script.steps, None))
        lived: list[Lived] = []
        spared: list[Death] = []
        while True:
            left = self.timeout - (time.monotonic() - start)
            resumed = bool(lived) and (not self.saves or any(process.saves for process in lived))
            found = self._process(len(lived), deaths[0] if deaths else None, left, resumed=resumed)
            lived.append(found)
            if found.death is None or found.death.signal is None or self.differs(found.trace):
                break
            deaths.pop(0)
            if self._begins_anew(*lived):
                spared = [death for death in deaths if death.signal is not None]
                deaths = deaths[len(spared) :]
        seconds = time.monotonic() - start
        timed_out = lived[-1].code is None and seconds >= self.timeout
        return Life(self.trial, self.workspace, self.workspace, tuple(lived), seconds, timed_out, tuple(spared))

    def _begins_anew(self, *lived: Lived) -> bool:
        """Return whether the last process began anew where it had what earlier ones had saved on their way.

        Where no save is seen, that is said of the third one. One that found half a file may have passed over it.
        """
        *before, last = lived
        if last.start != 0 or not before or (before[-1].death is not None and before[-1].death.in_save):
            return False
        saved = any(step > 0 for process in before for step in process.saves)
        return saved if self.saves else len(before) > 1

    def _process(self, number: int, death: Death | None, timeout: float, *, resumed: bool) -> Lived:
        trace, log, report = self.workspace.trace(number), self.workspace.log(number), self.workspace.report
        before = report.stat().st_size if report.exists() else 0
        code = self.processes.run(
            _launched(self.script.command(self.workspace.out, resumed=resumed), self.trial.conditions),
            cwd=self.workspace.cwd,
            variables=self._variables(trace, self._disturbances(number, death)),
            log=log,
            timeout=timeout,
            enough=_NowAndThen(lambda: self.differs(trace)),
        )
        events = tuple(_events(report, before))
        died = death if any(event["event"] == "ends" for event in events) else None
        return Lived(trace, code, events, died, _end_of(log))

    def _disturbances(self, number: int, death: Death | None) -> dict[str, object]:
        found = dict(self.trial.conditions.disturbances)
        if number:
            found["resuming"] = None
        if death is not None:
            found["deaths"] = asdict(death)
        return found

    def _variables(self, trace: Path, disturbances: dict[str, object]) -> dict[str, str]:
        traced = injected(Settings.checked(trace))
        return {
            **os.environ,
            # Of runs side by side, threads that wait by spinning would take each other's time.
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
            "TORCHINDUCTOR_CACHE_DIR": os.environ.get("TORCHINDUCTOR_CACHE_DIR", str(self.workspace.compiled)),
            "TMPDIR": str(self.scratch),
            # Without it, every run would be one with another hash seed, and not only those that are to be.
            "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0"),
            **self.trial.conditions.variables,
            **traced,
            ARMED: f"{injection.__name__} {traced[ARMED]}",
            injection.VARIABLE: json.dumps(
                {"disturbances": disturbances, "report": str(self.workspace.report), "owner": os.getpid()}
            ),
            position.TABLE: str(self.table or ""),
        }


class _NowAndThen:
    """Asks something that takes a while, but not each time it is asked itself."""

    def __init__(self, question: Callable[[], bool]) -> None:
        self._question = question
        self._due = time.monotonic() + _LOOK

    def __call__(self) -> bool:
        """Return the answer; no if it is not asked now."""
        start = time.monotonic()
        if start < self._due:
            return False
        answer = self._question()
        end = time.monotonic()
        self._due = end + max(_LOOK, _LOOKS * (end - start))
        return answer


def _launched(argv: tuple[str, ...], conditions: Conditions) -> tuple[str, ...]:
    return (argv[0], *conditions.launcher, *argv[1:])


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        return file.read().decode(errors="replace")


def _events(path: Path, start: int) -> list[dict[str, object]]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(start)
        return [json.loads(line) for line in file if line.endswith(b"\n")]


def write_steps(trace: Path, table: Path) -> None:
    """Write down when the parameters and the optimizers of a run stood at which state, for processes that resume it."""
    steps: dict[str, list[tuple[int, int]]] = {}
    with Trace(trace) as found:
        for series in found.series.values():
            if series.kind in ("parameters", "optimizer") and not is_untrained(*series):
                for digest, stood in spans(found, series):
                    steps.setdefault(digest.hex(), []).append((stood.start, stood.stop))
    table.write_text(json.dumps(steps), encoding="utf-8")
