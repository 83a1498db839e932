"""The processes of a trial compared with the first run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samerun.divergence import judge
from samerun.divergence.causes.diagnosis import Diagnosis
from samerun.divergence.compare import Comparison, compare_runs
from samerun.divergence.pairs import Pair
from samerun.divergence.verdict import Verdict
from samerun.divergence.words import MOMENTS, count, sentence, subject
from samerun.errors import TraceError
from samerun.tracing.reader import Trace
from samerun.tracing.sites import is_user_file
from samerun.verify.frameworks import ADVICE, TORN
from samerun.verify.life import Life, Lived
from samerun.verify.outcome import Outcome, Resumption, Status
from samerun.verify.scenario import Scenario
from samerun.verify.script import OUT
from samerun.verify.trial import Death

__all__ = ["BEHIND", "Judgement", "has_diverged", "judged"]

#: Steps that a run goes on behind its first difference, which tell more about the cause.
BEHIND = 5

# Generators may end in another state where nothing was drawn from them that training is made of.
_IGNORED = ("rng",)
# Lines of a failed process's output that are shown where none of the owner's code is named in it.
_LINES = 6
# As Python prints it, in a traceback.
_FRAME = re.compile(r'^ +File "(?P<path>.+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)
_GO_ON = "make the command go on from what it saved when it is started again, or say how: --resume-cmd"
_TIME = "give it more time: --timeout=SECONDS"
_TORN = (
    "write checkpoints to another name and os.replace() it when all is written, or let samerun.Run or"
    " samerun.checkpoint do it"
)
# What a run computes first with data and generators that a framework feeds it, or did not restore.
_BY_FRAMEWORK = ("batch", "loss")
# Causes that its loader is the place to cure.
_OF_DATA = ("data-order", "item-content")
_EXPLAIN = (
    "keep what the runs left, --keep=FOLDER, and look at both: samerun diff FIRST.trace OTHER.trace --html=PAGE.html"
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a trial came out, and by what that is known.

    Attributes:
        outcome: how it came out.
        process: the number of the process by which it is known, from 0; ``None`` if that is the only one, to its end.
        step: the first step of that which differs; ``None`` if it failed, or differs in something else.
        spared: deaths that were left out.
    """

    outcome: Outcome
    process: int | None = None
    step: int | None = None
    spared: tuple[Death, ...] = ()


def has_diverged(first: Path, trace: Path) -> bool:
    """Return whether a run that may still go on differs from the first one, and some steps behind that are recorded."""
    try:
        run = compare_runs(first, trace, ignore=_IGNORED)
    except TraceError:  # it has not begun, or made no step that the first one has
        return False
    try:
        return any(
            found.divergence is not None and found.ends[1] > found.divergence.step + BEHIND for found in run.processes
        )
    finally:
        run.close()


def judged(scenario: Scenario, label: str, first: Life, life: Life) -> Judgement:
    """Return how a trial came out.

    Args:
        scenario: that it belongs to.
        label: of the trial.
        first: the run that it must come out like.
        life: the run of the trial.
    """
    return _Judge(scenario, label, first, life).judgement()


class _Judge:
    def __init__(self, scenario: Scenario, label: str, first: Life, life: Life) -> None:
        self._scenario = scenario
        self._label = label
        self._first = first
        self._life = life
        self._resumptions: list[Resumption] = []
        self._reached = 0
        self._expected = 0
        self._diverged: int | None = None

    def judgement(self) -> Judgement:
        for number, process in enumerate(self._life.processes):
            if (found := self._process(number, process)) is not None:
                return Judgement(found, number, self._diverged, self._life.spared)
        last = len(self._life.processes) - 1
        return Judgement(self._whole(), last or None, spared=self._life.spared)

    def _whole(self) -> Outcome:
        """Return how the trial came out where each process is the same as far as it went."""
        if self._life.timed_out:
            took = (
                f"it did not end within {self._life.seconds:.0f} seconds; the first run took {self._first.seconds:.0f}"
            )
            return self._outcome("failed", cause="timeout", reason=sentence(took, ()), advice=_TIME)
        if self._reached != self._expected:
            return self._more(f"it ended after {count(self._reached, 'step')}, the first run after {self._expected:,}")
        if self._is_to_draw and not any(process.told("drew") for process in self._life.processes):
            return self._outcome(
                "skipped", reason="nothing was drawn in between: it trains in a process that it forked"
            )
        died = {process.death for process in self._life.processes} | {*self._life.spared}
        if missed := [death for death in self._life.trial.deaths if death not in died]:
            where = " and ".join(f"at step {death.step}{' during a save' * death.in_save}" for death in missed)
            return self._outcome("skipped", reason=f"{self._label}: it was over before it could be killed {where}")
        return self._outcome("same")

    @property
    def _is_to_draw(self) -> bool:
        return "draws" in self._life.trial.conditions.disturbances

    def _more(self, reason: str) -> Outcome:
        """Return that it made another number of steps."""
        told = sentence(reason, ())
        return self._outcome("differs", step=self._reached, cause="number-of-steps", reason=told, advice=_GO_ON)

    def _process(self, number: int, process: Lived) -> Outcome | None:
        """Look at one process; return how the trial came out if that is known by it."""
        try:
            found = judge(self._first.processes[0].trace, process.trace, ignore=_IGNORED)
        except TraceError as error:  # it made no step
            if made := _steps(process.trace):
                return self._more(
                    f"none of the {count(made, 'step')} that {process.trace.stem} made is one of the first run"
                )
            if number == 0 and not process.failed:
                told = sentence(f"it took no step that was seen: {error}", ())
                return self._outcome("failed", cause="no-trace", reason=told)
        else:
            with found:
                if any(finding.comparison.divergence is not None for finding in found.findings):
                    self._went_on(number, found.worst.comparison)
                    return self._differs(process, found)
                if found.run.left_out:
                    names = ", ".join(found.run.left_out)
                    return self._outcome("differs", cause="processes", reason=f"Only one of the runs has {names}.")
                self._went_on(number, found.worst.comparison)
        return self._failed(number, process) if process.failed else None

    def _went_on(self, number: int, comparison: Comparison) -> None:
        start = comparison.pairing.steps[0]
        if number and (death := (before := self._life.processes[number - 1]).death) is not None:
            ignored = sum(int(str(event["steps"])) for event in before.told("goes on"))
            self._resumptions.append(Resumption(death.step, death.in_save, start, ignored))
        self._expected, self._reached = comparison.ends

    def _differs(self, process: Lived, found: Verdict) -> Outcome:
        pair = found.worst.comparison.divergence
        assert pair is not None
        self._diverged = pair.step
        with judge(self._first.processes[0].trace, process.trace) as whole:
            diagnosis = self._cause(whole.worst.diagnoses or found.worst.diagnoses)
            shown = None if self._scenario.own else diagnosis
            return self._outcome(
                "environment" if self._scenario.surroundings else "differs",
                step=pair.step,
                what=f"{subject(pair.series)}, {MOMENTS[pair.phase]}",
                cause=diagnosis.cause if diagnosis else self._scenario.cause,
                reason=sentence(self._told(shown.sentence), ()) if shown else self._depends,
                place=str(diagnosis.place) if diagnosis and diagnosis.place else "",
                advice=self._scenario.advice or self._advice(process, pair, diagnosis),
                notes=(*_details(shown), *(sentence(self._told(text), ()) for text in _shown(found, shown))),
            )

    def _advice(self, process: Lived, pair: Pair, diagnosis: Diagnosis | None) -> str:
        """Return what is said of the cause, or what to do about it with the framework that feeds or resumed it."""
        its = process.told("resumes") or (diagnosis is not None and diagnosis.cause in _OF_DATA)
        if its and pair.series.kind in _BY_FRAMEWORK and (framework := _framework(process)):
            return ADVICE[framework]
        if diagnosis is None:
            return ""
        return diagnosis.advice if diagnosis.cause != "unknown" else _EXPLAIN

    def _cause(self, diagnoses: Sequence[Diagnosis]) -> Diagnosis | None:
        """Return the cause that the traces show, unless the scenario knows better."""
        scenario = self._scenario
        named = next((found for found in diagnoses if found.cause == scenario.cause), None)
        if named is not None or scenario.sure:
            return named
        return diagnoses[0] if diagnoses[0].certain or not scenario.cause else None

    @property
    def _depends(self) -> str:
        return f"What it computes depends on {self._scenario.depends}."

    def _failed(self, number: int, process: Lived) -> Outcome:
        # The lines by which Python points into the one above say nothing alone.
        lines = [line.strip() for line in process.output.splitlines() if line.strip(" ^~")]
        said = lines[-1] if lines else "it printed nothing"
        place = _line(process.output, self._life.place.cwd)
        notes = () if place else tuple(lines[-_LINES:-1])
        reason = f"it ended with exit code {process.code}: {said.rstrip('.')}"
        if number == 0 and self._scenario.needed:
            return self._outcome("skipped", reason=f"{self._scenario.needed}: {said}")
        if number == 0:
            return self._outcome("failed", cause="exit-code", reason=sentence(reason, ()), place=place, notes=notes)
        before = self._life.processes[number - 1].death
        torn = before is not None and before.in_save
        return self._outcome(
            "differs",
            step=self._reached,
            what="it cannot be resumed",
            cause="resume-fails",
            reason=f"The resumed run failed: {reason}.",
            place=place,
            advice=TORN.get(_framework(process), _TORN) if torn else _GO_ON,
            notes=notes,
        )

    def _outcome(self, status: Status, **values: Any) -> Outcome:
        values = {name: self._told(value) for name, value in values.items()}
        return Outcome(self._scenario.name, self._label, status, resumptions=tuple(self._resumptions), **values)

    def _told(self, value: Any) -> Any:
        """Return a text with the paths that the script's owner knows."""
        if isinstance(value, tuple):
            return tuple(map(self._told, value))
        if not isinstance(value, str):
            return value
        for life in (self._first, self._life):
            place = life.place
            value = value.replace(f"{place.cwd.resolve()}/", "").replace(f"{place.cwd}/", "")
            value = value.replace(str(place.out), OUT)
            for process in life.processes:
                value = value.replace(str(process.trace), process.trace.stem).replace(
                    process.trace.name, process.trace.stem
                )
        return value


def _framework(process: Lived) -> str:
    """Return the framework that ran a process; empty if none did that is known."""
    return next((str(event["framework"]) for event in process.told("framework")), "")


def _line(output: str, folder: Path) -> str:
    """Return the last line of the owner's code in a traceback that was printed; empty if there is none."""
    folder = folder.resolve()
    for found in reversed(list(_FRAME.finditer(output))):
        path = (folder / found["path"]).resolve()
        if path.is_relative_to(folder) and is_user_file(str(path)):
            return f"{path.relative_to(folder)}:{found['line']} in {found['function']}"
    return ""


def _steps(trace: Path) -> int:
    """Return how many steps were recorded; 0 if there is no trace."""
    try:
        with Trace(trace) as found:
            return found.last_step + 1 - found.first_step if found.last_step >= 0 else 0
    except TraceError:
        return 0


def _shown(found: Verdict, diagnosis: Diagnosis | None) -> tuple[str, ...]:
    """Return what the training itself shows of a generator that a resumed run lacks, such as which batch came first."""
    seen = next(iter(found.worst.diagnoses), None)
    if found.worst.evidence.resumed is None or diagnosis is None or seen is None or seen.sentence == diagnosis.sentence:
        return ()
    return (seen.sentence,)


def _details(diagnosis: Diagnosis | None) -> list[str]:
    """Return the facts of a cause, without what is said of files that are not kept."""
    return [detail for detail in diagnosis.details if not detail.startswith("samerun ")] if diagnosis else []
