"""Runs that differed, and what they show of trials that begin in the same way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from samerun.verify.judging import BEHIND, Judgement
from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial

__all__ = ["Known"]


@dataclass
class Known:
    """What is known without another run: up to its next death, a process goes on as one did that began as it does."""

    _runs: list[tuple[Trial, Judgement]] = field(default_factory=list)

    def note(self, trial: Trial, found: Judgement) -> None:
        """Keep how a trial came out if that is known by a process that had resumed another one."""
        if found.process and _is_shown(trial, found):
            self._runs.append((trial, found))

    def shown(self, scenario: Scenario, trial: Trial) -> Judgement | None:
        """Return how a trial must come out, if a run that was made is it up to where that differs.

        ``None`` if that is not known.
        """
        for other, found in self._runs:
            begins_as = _beginning(other, found.process) == _beginning(trial, found.process)
            if begins_as and found.outcome.scenario == scenario.name and _is_shown(trial, found):
                return replace(found, outcome=replace(found.outcome, trial=trial.label))
        return None


def _beginning(trial: Trial, process: int | None) -> tuple[object, ...]:
    """Return all that a trial is up to the process of a number."""
    return trial.conditions, trial.against, trial.deaths[:process]


def _is_shown(trial: Trial, found: Judgement) -> bool:
    """Return whether the process that differs makes some steps behind that before it is killed, if it is killed."""
    later = trial.deaths[found.process :]
    return not later or (found.step is not None and later[0].step > found.step + BEHIND)
