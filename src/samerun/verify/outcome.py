"""What came of a trial, and of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ["NOTHING", "Outcome", "Report", "Resumption", "Status"]

#: ``environment``: it differs, as it may on other hardware; ``failed``: it could not be run; ``skipped``: there was
#: nothing to try.
Status: TypeAlias = Literal["same", "differs", "environment", "failed", "skipped"]

#: What stands for the trial of a scenario that has none for a script.
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Resumption:
    """A process that went on after another one was killed.

    Attributes:
        died: how many steps were behind when that was killed.
        in_save: whether it was in the midst of a save.
        start: the step it went on from; 0 if it began anew.
        ignored: for how many steps that had gone on in spite of the signal before it was killed at last.
    """

    died: int
    in_save: bool
    start: int
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one trial of a scenario.

    Attributes:
        scenario: its name.
        trial: what was tried.
        status: how it came out.
        step: the first step that differs; ``None`` if none does.
        what: what differs first, such as ``the batch, from the batch to the backward pass``.
        cause: the name of the cause; ``docs/causes`` has a page of most.
        reason: what happened, as a sentence.
        place: file, line and function of the user's code that did it, if that is known.
        advice: what to do.
        notes: what else there is to know, a line each.
        resumptions: the processes that went on after others, in a row.
        accepted: whether the difference is in the baseline.
    """

    scenario: str
    trial: str
    status: Status
    step: int | None = None
    what: str = ""
    cause: str = ""
    reason: str = ""
    place: str = ""
    advice: str = ""
    notes: tuple[str, ...] = ()
    resumptions: tuple[Resumption, ...] = ()
    accepted: bool = False

    @property
    def name(self) -> str:
        """Scenario and trial, by which a baseline names it."""
        return f"{self.scenario}: {self.trial}"


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on a script.

    Attributes:
        command: the script's.
        outcomes: of all trials, in the order of the scenarios.
        steps: how many optimizer steps the script makes.
        seconds: what its first run took.
        runs: computing time of all runs together, in that of the first one.
        environment: what it was tried on.
    """

    command: str
    outcomes: tuple[Outcome, ...]
    steps: int
    seconds: float
    runs: float
    environment: dict[str, Any] = field(repr=False)

    @property
    def exit_code(self) -> int:
        """0 if nothing differs, or only what is accepted; 1 if something does; 2 if something could not be run."""
        open_ones = [outcome for outcome in self.outcomes if not outcome.accepted]
        if any(outcome.status == "differs" for outcome in open_ones):
            return 1
        return 2 if any(outcome.status == "failed" for outcome in open_ones) else 0

    def of(self, scenario: str) -> Sequence[Outcome]:
        """Return the outcomes of a scenario."""
        return [outcome for outcome in self.outcomes if outcome.scenario == scenario]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "command": self.command,
            "exit_code": self.exit_code,
            "steps": self.steps,
            "seconds": round(self.seconds, 3),
            "runs": round(self.runs, 2),
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
            "environment": self.environment,
        }
