"""Another working directory, and another path for what is written."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]


def _trials(_: Reference) -> Sequence[Trial]:
    return [Trial("another folder", Conditions(folder="another-place-with-a-longer-name"))]


SCENARIO = Scenario(
    "elsewhere",
    "run in another folder",
    1,
    _trials,
    order=40,
    joins=True,
    cause="folder",
    depends="the folder that it is run in",
    advice="take no seed or order from a path; read and write relative to the script or to an argument",
)
