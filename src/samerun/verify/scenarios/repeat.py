"""The same command once more."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.verify.reference import Reference
from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]


def _trials(_: Reference) -> Sequence[Trial]:
    return [Trial("again")]


SCENARIO = Scenario("repeat", "run it again, in a fresh process", 1, _trials, order=0, quick=_trials)
