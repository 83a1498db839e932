"""Somebody looks at data in between: draws that are none of the training's."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]


def _trials(_: Reference) -> Sequence[Trial]:
    before = Trial("before training", Conditions(disturbances={"draws": {"before": True, "between": False}}))
    between = Trial("between steps", Conditions(disturbances={"draws": {"before": False, "between": True}}))
    both = Trial("before and between", Conditions(disturbances={"draws": {"before": True, "between": True}}))
    return [Trial(both.label, both.conditions, parts=(before, between))]


SCENARIO = Scenario(
    "eda",
    "draw from the global generators before training and between steps",
    1,
    _trials,
    order=70,
    quick=_trials,
    cause="generator-ahead",
    sure=True,
    own=True,
    depends="what else is drawn from the global generators of Python, NumPy and torch; here it was samerun that drew",
    advice="draw what is not training inside `with samerun.isolate():`, or give training generators of its own: load"
    " with samerun.DataLoader, and train inside `with samerun.Stream(seed):`",
)
