"""Directories listed in another order."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]


def _trials(_: Reference) -> Sequence[Trial]:
    return [Trial("shuffled listings", Conditions(disturbances={"listings": 1}))]


SCENARIO = Scenario(
    "order",
    "list directories in another order",
    1,
    _trials,
    order=20,
    joins=True,
    cause="file-order",
    sure=True,
    depends="the order in which directories are listed",
    advice="sort what is listed: sorted(os.listdir(folder)), sorted(glob(pattern)), sorted(path.iterdir())",
)
