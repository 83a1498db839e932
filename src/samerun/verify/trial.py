"""One way to run a script that must come out like the first run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from samerun.verify.conditions import Conditions

__all__ = ["Death", "Trial", "is_sum", "together"]


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a process before the script's own.

    Attributes:
        step: how many steps of the whole run are behind.
        signal: its name; ``None`` for an end in good order.
        in_save: whether it then comes in the midst of the next save.
        patience: steps after which a process that goes on in spite of the signal is killed; ``None`` if it may.
    """

    step: int
    signal: str | None
    in_save: bool = False
    patience: int | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A run, in one process or, if it is interrupted, several in a row.

    Attributes:
        label: what is tried, such as ``3 workers``.
        conditions: of each process.
        deaths: the processes end by these, in this order, and the last one as the script does.
        parts: trials that this one is all of at once. They are made only where this one differs, several of them in
            one run if this one is no more than the sum of them.
        against: the trial that it must come out like; the first run if ``None``.
    """

    label: str
    conditions: Conditions = field(default_factory=Conditions)
    deaths: tuple[Death, ...] = ()
    parts: tuple[Trial, ...] = ()
    against: Trial | None = None


def together(trials: Sequence[Trial]) -> Trial:
    """Return a trial of all conditions and all deaths of some trials at once."""
    conditions = Conditions()
    for trial in trials:
        conditions |= trial.conditions
    deaths = {death for trial in trials for death in trial.deaths}
    label = ", ".join(trial.label for trial in trials)
    return Trial(label, conditions, tuple(sorted(deaths, key=_moment)), tuple(trials))


def is_sum(whole: Trial, trials: Sequence[Trial]) -> bool:
    """Return whether a run of the whole is one of each of the trials, and no more than that.

    It is not where trials contradict each other, or must come out like another run than the first one.
    """
    everything = together(trials)
    added = (everything.conditions, everything.deaths) == (whole.conditions, whole.deaths)
    agree = all(everything.conditions | trial.conditions == everything.conditions for trial in trials)
    return added and agree and all(trial.against is None for trial in (whole, *trials))


def _moment(death: Death) -> tuple[int, bool, str]:
    return death.step, death.in_save, death.signal or ""
