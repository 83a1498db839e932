"""All trials of a script, side by side where the machine has room for it."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from samerun.errors import TraceError, VerifyError
from samerun.verify.judging import Judgement, has_diverged, judged
from samerun.verify.known import Known
from samerun.verify.life import Life, live, write_steps
from samerun.verify.outcome import NOTHING, Outcome, Report
from samerun.verify.processes import Processes
from samerun.verify.reference import Reference
from samerun.verify.scenario import NotApplicable, Scenario
from samerun.verify.script import Script
from samerun.verify.splitting import Part, split
from samerun.verify.trial import Trial, is_sum, together
from samerun.verify.workspace import Workspace

__all__ = ["Told", "verify"]

#: Is told what begins, and what came of it: the text of what is done, and outcomes.
Told = Callable[[str, Sequence[Outcome]], None]

_NO_USE = "two runs of it differ as it is; mend that first"
_FAILS = "it could not be run twice as it is; mend that first"
_ANEW = "it begins anew when it is killed, as was seen at an earlier step"
# Seconds that the first run may take if nothing else is said; others may take so many times as long, and so many more.
_HOUR, _TIMES, _MORE = 3600.0, 10.0, 60.0
# Characters that are shown of what a first run printed that cannot be compared with.
_SHOWN = 2000
# The part of the memory there is that runs side by side may take.
_PART = 0.7


def verify(
    script: Script,
    scenarios: Sequence[Scenario],
    *,
    quick: bool = False,
    jobs: int | None = None,
    keep: Path | None = None,
    told: Told = lambda *_: None,
    processes: Processes | None = None,
) -> Report:
    """Run a script again and again under other conditions, and compare each run with the first, step by step.

    Args:
        script: what is run.
        scenarios: what is tried, as :func:`samerun.verify.choose` gives it.
        quick: whether only the quick trials of each are made.
        jobs: how many runs are made side by side; as many as cores and memory allow if ``None``.
        keep: a new folder for what the runs left; a temporary one that is removed if ``None``.
        told: is told how far it is.
        processes: what starts the processes, and ends them with this.

    Raises:
        VerifyError: if the script cannot be run, or trains nothing.
    """
    with _folder(keep) as folder:
        processes = processes or Processes()
        try:
            return _Conduct(script, folder, processes, quick, told).all(scenarios, jobs)
        finally:
            processes.close()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        try:
            keep.mkdir(parents=True)
        except FileExistsError as error:
            raise VerifyError(str(keep), "is there already; name a new folder") from error
        yield keep.resolve()
        return
    with TemporaryDirectory(prefix="samerun-verify-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@dataclass
class _Conduct:
    script: Script
    folder: Path
    processes: Processes
    quick: bool
    told: Told
    made: int = 0
    start: float = 0.0
    first: float = 0.0
    saves: bool = False
    timeout: float = _HOUR
    places: _Places = field(init=False)
    known: Known = field(default_factory=Known)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.start = self.processes.computed
        self.timeout = self.script.timeout or _HOUR
        self.places = _Places(self.folder)

    def all(self, scenarios: Sequence[Scenario], jobs: int | None) -> Report:
        """Make the first run, and then all that is tried."""
        reference = self._first()
        self.timeout = self.script.timeout or min(_HOUR, _TIMES * reference.life.seconds + _MORE)
        repeat = [scenario for scenario in scenarios if scenario.name == "repeat"]
        joined = [scenario for scenario in scenarios if scenario.joins]
        others = [scenario for scenario in scenarios if scenario not in repeat and not scenario.joins]
        outcomes = [outcome for scenario in repeat for outcome in self._scenario(scenario, reference)]
        if odd := [outcome.status for outcome in outcomes if outcome.status != "same"]:
            reason = _NO_USE if "differs" in odd else _FAILS
            outcomes += [_skipped(scenario, reason) for scenario in (*joined, *others)]
        else:
            outcomes += self._joined(joined, reference)
            # Runs side by side are made in different folders.
            depends = any(outcome.cause == "folder" for outcome in outcomes)
            outcomes += self._side_by_side(others, reference, 1 if depends else self._jobs(jobs, reference))
        places = [scenario.name for scenario in scenarios]
        outcomes.sort(key=lambda outcome: places.index(outcome.scenario))
        return Report(
            shlex.join(self.script.argv),
            tuple(outcomes),
            reference.steps,
            reference.life.seconds,
            (self.processes.computed - self.start) / (self.first - self.start),
            reference.environment,
        )

    def _first(self) -> Reference:
        self.told("the first run", ())
        life = self._live(Trial("first"), None, called="the first run")
        self.first = self.processes.computed
        process = life.processes[0]
        if process.failed or process.code is None:
            how = f"took more than {self.timeout:.0f} seconds" if life.timed_out else f"failed ({process.code})"
            where = f"in a copy of {self.script.cwd}, from which paths such as ../data lead nowhere"
            raise VerifyError(shlex.join(self.script.argv), f"{how} as it is, {where}:\n{process.output[-_SHOWN:]}")
        try:
            reference = Reference.of(life)
        except TraceError as error:
            reason = (
                "trained nothing that was seen: no process took a step of a torch.optim.Optimizer; parameters that it"
                " changes itself are not seen. If it goes on from a run that is in this folder and has ended, move that"
                " away; Python's -E, -I and -S hide all"
            )
            raise VerifyError(shlex.join(self.script.argv), f"{reason}\n{process.output[-_SHOWN:]}") from error
        self.saves = bool(reference.saves)
        write_steps(reference.trace, self.folder / "steps.json")
        return reference

    def _jobs(self, wanted: int | None, reference: Reference) -> int:
        """Return how many runs there is room for at once; on a device whose memory is not known here, one."""
        if wanted is not None:
            return wanted
        room = _PART * psutil.virtual_memory().available / max(self.processes.peak, 1)
        return 1 if reference.environment.get("gpu") else max(1, min(os.cpu_count() or 1, int(room)))

    def _side_by_side(self, scenarios: Sequence[Scenario], reference: Reference, jobs: int) -> list[Outcome]:
        # What takes longest begins first.
        longest = sorted(scenarios, key=lambda scenario: -scenario.cost)
        with ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(self._scenario, scenario, reference) for scenario in longest]
            try:
                return [outcome for future in futures for outcome in future.result()]
            except BaseException:
                self.processes.close()
                raise

    def _scenario(self, scenario: Scenario, reference: Reference) -> list[Outcome]:
        plan = scenario.quick if self.quick and scenario.quick is not None else scenario.trials
        try:
            trials = plan(reference)
        except NotApplicable as reason:
            found = [_skipped(scenario, str(reason))]
            self.told("", found)
            return found
        return [outcome for trial in trials for outcome in self._trial(scenario, trial, reference)]

    def _joined(self, scenarios: Sequence[Scenario], reference: Reference) -> list[Outcome]:
        """Try several scenarios in one run, and in fewer at once where that is not the same."""
        parts: list[Part] = []
        outcomes = []
        for scenario in scenarios:
            try:
                parts += [Part(scenario, trial) for trial in scenario.trials(reference)]
            except NotApplicable as reason:
                outcomes.append(_skipped(scenario, str(reason)))
        self.told("", outcomes)
        return [*outcomes, *self._group(parts, reference)]

    def _group(self, parts: Sequence[Part], reference: Reference) -> list[Outcome]:
        """Try parts in one run, if it can be all of them."""
        trials = [part.trial for part in parts]
        whole = together(trials)
        if len(parts) > 1 and is_sum(whole, trials):
            return self._together(parts, whole, reference)
        return [outcome for part in parts for outcome in self._trial(*part, reference)]

    def _trial(self, scenario: Scenario, trial: Trial, reference: Reference) -> list[Outcome]:
        if trial.parts:
            return self._together([Part(scenario, part) for part in trial.parts], trial, reference)
        outcome = self._judged(scenario, trial, reference).outcome
        self.told("", [outcome])
        return [outcome]

    def _together(self, parts: Sequence[Part], whole: Trial, reference: Reference) -> list[Outcome]:
        """Try parts in one run, and in fewer at once where that is not the same."""
        found = self._judged(parts[0].scenario, whole, reference)
        if found.outcome.status == "same":
            outcomes = [_part(found, *part) for part in parts]
            self.told("", outcomes)
            return outcomes
        alone = [outcome for group in split(whole, parts, found.process) for outcome in self._group(group, reference)]
        places = {name: number for number, part in enumerate(parts) for name in _names(*part)}
        alone.sort(key=lambda outcome: places.get((outcome.scenario, outcome.trial), -1))
        return _all_of(found.outcome, alone)

    def _judged(self, scenario: Scenario, trial: Trial, reference: Reference) -> Judgement:
        """Return how a trial came out, by a run of it or one that has shown it."""
        if (shown := self.known.shown(scenario, trial)) is not None:
            return shown
        against = reference.life if trial.against is None else self._live(trial.against, None, called="the first run")
        self.told(f"{scenario.name}: {trial.label}", ())
        first = against.processes[0].trace
        life = self._live(trial, self.folder / "steps.json", differs=partial(has_diverged, first))
        found = judged(scenario, trial.label, against, life)
        self.known.note(trial, found)
        return found

    def _live(
        self,
        trial: Trial,
        table: Path | None,
        *,
        called: str = "this run",
        differs: Callable[[Path], bool] = lambda _: False,
    ) -> Life:
        with self.places.one() as place:
            workspace = Workspace.make(place / trial.conditions.folder, self.script, self.folder, called)
            life = live(
                *(self.script, trial, workspace, self.processes, self.timeout),
                table=table,
                differs=differs,
                saves=self.saves,
            )
            workspace.remove_copies()
            with self.lock:
                self.made += 1
                return life.moved(self.folder / f"run-{self.made}")


class _Places:
    """Folders to run in, used again and again: a script that depends on its folder repeats itself in the same one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._used: set[int] = set()

    @contextmanager
    def one(self) -> Iterator[Path]:
        """Give a place that nobody else has meanwhile, the first one if it is free."""
        with self._lock:
            number = next(number for number in range(1, len(self._used) + 2) if number not in self._used)
            self._used.add(number)
        try:
            yield self._folder / f"place-{number}"
        finally:
            with self._lock:
                self._used.discard(number)


def _part(whole: Judgement, scenario: Scenario, part: Trial) -> Outcome:
    """Return what came of a part of a trial that came out the same as a whole."""
    if any(death in whole.spared for death in part.deaths):
        return Outcome(scenario.name, part.label, "skipped", reason=_ANEW)
    deaths = {(death.step, death.in_save) for death in part.deaths}
    own = tuple(found for found in whole.outcome.resumptions if (found.died, found.in_save) in deaths)
    return Outcome(scenario.name, part.label, "same", resumptions=own)


def _names(scenario: Scenario, trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield scenario and label of a trial and of its parts, by which outcomes name them."""
    yield scenario.name, trial.label
    for part in trial.parts:
        yield from _names(scenario, part)


def _all_of(whole: Outcome, alone: list[Outcome]) -> list[Outcome]:
    """Return what came of the parts of a trial that is not the same, and of the whole if no part shows why."""
    if whole.status == "skipped":
        return alone
    differ = any(outcome.status in ("differs", "environment") for outcome in alone)
    # A script that needs what it is to do without fails for that.
    fail = any(outcome.status != "same" and outcome.reason != _ANEW for outcome in alone)
    return alone if differ or (fail and whole.status == "failed") else [whole, *alone]


def _skipped(scenario: Scenario, reason: str) -> Outcome:
    return Outcome(scenario.name, NOTHING, "skipped", reason=reason)
