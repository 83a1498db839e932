"""Carrying out the plan: every session in a fresh process, then every part judged."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from samerun.demo.plan import Part, Session, plan
from samerun.demo.record import Record, Step
from samerun.errors import MissingExtraError, ProcessError

__all__ = ["Experiment", "Verdict", "run_experiment"]

# Two processes of one thread each; more cores would not change a bit, only the time.
_AT_ONCE = 2


@dataclass(frozen=True)
class Verdict:
    """What came out of a part.

    Attributes:
        first_difference: the first step whose batch or model differs, counted over the whole run, or ``None``.
        what: what differs first in that step: ``"batch"`` or ``"model"``; empty if nothing does.
        fingerprints: of the final model, uninterrupted and compared.
        losses: mean training loss by epoch of the compared run, and of the uninterrupted one.
        distances: Euclidean distance of the parameters from the uninterrupted run's, by epoch.
    """

    part: Part
    first_difference: int | None
    what: str
    fingerprints: tuple[str, str]
    losses: tuple[list[float], list[float]]
    distances: list[float]

    @property
    def same(self) -> bool:
        """Whether every batch and every model was the same, bit for bit."""
        return self.first_difference is None

    @property
    def as_stated(self) -> bool:
        """Whether that is what the part says."""
        return self.same == self.part.same


@dataclass(frozen=True)
class Experiment:
    """All parts with what came out.

    Attributes:
        epochs: of the full run; the compared runs are interrupted after ``stopped`` of them.
        steps_per_epoch: batches in an epoch.
    """

    seed: int
    epochs: int
    stopped: int
    steps_per_epoch: int
    verdicts: tuple[Verdict, ...]

    @property
    def as_stated(self) -> bool:
        """Whether every part came out as stated."""
        return all(verdict.as_stated for verdict in self.verdicts)


def run_experiment(out: Path, *, epochs: int = 20, seed: int = 42) -> Experiment:
    """Run every session in a fresh process and compare them; shows a progress bar on stderr.

    Args:
        out: folder for what the sessions write, under ``sessions/``.
        epochs: of the uninterrupted run, at least 2; the others are interrupted after half of them.
        seed: of every session.

    Raises:
        MissingExtraError: before anything is run, if a package of the extra ``demo`` is missing.
        ProcessError: if a process fails.
    """
    for package, distribution in (("sklearn", "scikit-learn"), ("matplotlib", "matplotlib")):
        if find_spec(package) is None:
            raise MissingExtraError(distribution, "demo")
    parts = plan(epochs, seed)
    folder = out / "sessions"
    _run(_sessions(parts), folder)
    verdicts = tuple(_judge(part, folder) for part in parts)
    reference = Record.load(folder / parts[0].reference.name)
    steps = len(reference.steps) // epochs
    return Experiment(seed, epochs, epochs // 2, steps, verdicts)


def _sessions(parts: tuple[Part, ...]) -> list[Session]:
    sessions = (session for part in parts for session in (part.reference, *part.sessions))
    return list(dict.fromkeys(sessions))


def _run(sessions: list[Session], folder: Path) -> None:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(_AT_ONCE) as pool:
        task = progress.add_task("training epochs", total=sum(session.trained for session in sessions))

        def carry_out(session: Session) -> None:
            for _ in _epochs(session, folder / session.name):
                progress.advance(task)

        starts = [session for session in sessions if session.resume is None]
        list(pool.map(carry_out, starts))
        list(pool.map(carry_out, [session for session in sessions if session.resume is not None]))


def _epochs(session: Session, folder: Path) -> Iterator[str]:
    """Run one session in a fresh process, and once more if it is to be killed; yield a line per epoch."""
    rmtree(folder, ignore_errors=True)  # a run of an earlier experiment would be gone on with
    folder.mkdir(parents=True)
    spec = folder / "session.json"
    spec.write_text(json.dumps(asdict(session)))
    command = [sys.executable, "-m", "samerun.demo.process", str(spec)]
    for expected in (-signal.SIGKILL, 0) if session.killed else (0,):
        with (folder / "errors.log").open("w+") as errors:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
                assert process.stdout is not None
                yield from process.stdout
            if process.returncode != expected:
                errors.seek(0)
                raise ProcessError(session.name, process.returncode, errors.read()[-4000:])


def _judge(part: Part, folder: Path) -> Verdict:
    reference = Record.load(folder / part.reference.name)
    records = [Record.load(folder / session.name) for session in part.sessions]
    steps = [step for record in records for step in record.steps]
    parameters = np.stack([vector for record in records for vector in record.parameters]).astype(np.float64)
    distances = np.linalg.norm(parameters - np.stack(reference.parameters), axis=1).tolist()
    where, what = _first_difference(reference.steps, steps)
    losses = _losses(steps, part.reference.epochs), _losses(reference.steps, part.reference.epochs)
    return Verdict(part, where, what, (reference.steps[-1].model, steps[-1].model), losses, distances)


def _losses(steps: list[Step], epochs: int) -> list[float]:
    by_epoch = np.array([step.loss for step in steps]).reshape(epochs, -1)
    return [float(mean) for mean in by_epoch.mean(axis=1)]


def _first_difference(first: list[Step], second: list[Step]) -> tuple[int | None, str]:
    for number, (ours, theirs) in enumerate(zip(first, second, strict=True)):
        if ours != theirs:
            return number, "batch" if ours.batch != theirs.batch else "model"
    return None, ""
