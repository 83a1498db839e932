"""Every loader of the script with another number of workers."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import NotApplicable, Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]

_NUMBERS = (0, 1, 2, 3)
_NO_LOADER = "it has no torch DataLoader"
# The number whose workers are kept from epoch to epoch.
_PERSISTENT = 3


def _trials(reference: Reference) -> Sequence[Trial]:
    if not reference.workers:
        raise NotApplicable(_NO_LOADER)
    return [_trial(number) for number in _NUMBERS if reference.workers != {number} or number == _PERSISTENT]


def _quick(reference: Reference) -> Sequence[Trial]:
    if not reference.workers:
        raise NotApplicable(_NO_LOADER)
    return [_trial(0 if any(reference.workers) else 2)]


def _trial(number: int) -> Trial:
    persistent = number == _PERSISTENT
    label = f"{number} worker{'s' * (number != 1)}{', persistent' * persistent}"
    return Trial(label, Conditions(disturbances={"workers": {"num_workers": number, "persistent": persistent}}))


SCENARIO = Scenario(
    "workers", "0, 1, 2 workers, and 3 persistent ones", 4, _trials, order=50, quick=_quick, quick_cost=1
)
