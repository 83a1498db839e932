"""Checkpoints are written, or not."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import NotApplicable, Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]


def _trials(reference: Reference) -> Sequence[Trial]:
    if not reference.saves:
        raise NotApplicable("it saves nothing")
    return [Trial("without saving", Conditions(disturbances={"nosaving": None}))]


SCENARIO = Scenario(
    "save",
    "write no checkpoints",
    1,
    _trials,
    order=90,
    joins=True,
    cause="saving",
    depends="whether checkpoints are written",
    needed="it seems to need what it saves",
    advice="draw nothing and change nothing while saving; wrap what draws in `with samerun.isolate():`",
)
