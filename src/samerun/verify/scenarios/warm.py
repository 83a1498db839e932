"""A process that has trained something else before."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]


def _trials(_: Reference) -> Sequence[Trial]:
    return [Trial("after another training", Conditions(disturbances={"warm": None}))]


SCENARIO = Scenario(
    "warm",
    "train something else before, in the same process",
    1,
    _trials,
    order=80,
    joins=True,
    cause="earlier-work",
    depends="what its process did before",
    advice="seed every generator before the first draw: samerun.seed_everything(seed) at the top",
)
