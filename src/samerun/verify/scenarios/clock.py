"""Another time of day, in another year."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]

_LATER = timedelta(days=400, hours=7, minutes=13, seconds=17.25)


def _trials(_: Reference) -> Sequence[Trial]:
    return [Trial("400 days later", Conditions(disturbances={"clock": _LATER.total_seconds()}))]


SCENARIO = Scenario(
    "clock",
    "start at another time",
    1,
    _trials,
    order=30,
    joins=True,
    cause="clock",
    depends="the time at which it is started",
    advice="take no seed, split or file name from the clock; give the seed as a number",
)
