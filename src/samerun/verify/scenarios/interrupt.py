"""The process is killed, and the script is started again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from samerun.verify.reference import Reference
from samerun.verify.scenario import NotApplicable, Scenario
from samerun.verify.trial import Death, Trial, together

__all__ = ["SCENARIO"]

_FEWEST = 4


def _trials(reference: Reference) -> Sequence[Trial]:
    if reference.steps < _FEWEST:
        raise NotApplicable(f"it has {reference.steps} steps, and it takes {_FEWEST} to be interrupted in between")
    return [together(list(_places(reference)))]


def _quick(reference: Reference) -> Sequence[Trial]:
    if reference.steps < _FEWEST:
        raise NotApplicable(f"it has {reference.steps} steps, and it takes {_FEWEST} to be interrupted in between")
    middle = _in_epoch(reference, *_epoch(reference))
    return [_trial("SIGKILL in mid-epoch", Death(middle, "SIGKILL"))]


def _places(reference: Reference) -> Iterator[Trial]:
    """Yield where it is killed, each as a trial of its own."""
    last = reference.steps
    start, end = _epoch(reference)

    def terminated(step: int) -> Death:
        """Return a death that a script may put off to the end of an epoch."""
        return Death(step, "SIGTERM", patience=min(end - start, last - step))

    yield _trial("SIGTERM after the first step", terminated(1))
    middle = _in_epoch(reference, start, end)
    yield _trial("SIGKILL in mid-epoch", Death(middle, "SIGKILL"))
    if end - middle >= _FEWEST:
        again = (middle + end) // 2
        deaths = Death(middle, "SIGKILL"), Death(again, "SIGKILL")
        yield _trial("SIGKILL twice in one epoch", *deaths)
    if end < last:
        yield _trial("SIGTERM at the end of an epoch", terminated(end))
    if (save := _save(reference)) is not None:
        yield _trial("SIGKILL during a save", Death(save, "SIGKILL", in_save=True))
    yield _trial("SIGKILL after the last step", Death(last, "SIGKILL"))


def _save(reference: Reference) -> int | None:
    """Return a save to be killed in: the second one if there is one, so that there is something to lose."""
    first = reference.first_save(min(2, reference.steps - 1))
    return first if first is None else reference.first_save(first + 1) or first


def _trial(label: str, *deaths: Death) -> Trial:
    return Trial(label, deaths=deaths)


def _epoch(reference: Reference) -> tuple[int, int]:
    """Return first step and end of the epoch that is interrupted: the second one if there is one."""
    starts = [*reference.epochs, reference.steps] if reference.epochs else [0, reference.steps]
    number = 1 if len(starts) > _TWO_EPOCHS else 0
    return starts[number], starts[number + 1]


# The beginnings of two epochs; the third number is the end.
_TWO_EPOCHS = 2


def _in_epoch(reference: Reference, start: int, end: int) -> int:
    """Return a step inside an epoch, behind a save that was made inside it if there is one."""
    save = reference.first_save(start + 1)
    middle = (start + end) // 2
    return min(max(middle, save + 1), end - 1) if save is not None and save < end - 1 else max(middle, start + 1)


SCENARIO = Scenario(
    "interrupt",
    "kill it at six moments, and start it again",
    2.5,
    _trials,
    order=100,
    quick=_quick,
    quick_cost=1.5,
)
