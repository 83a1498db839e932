"""Another seed of string hashes, which orders sets in another way."""

from __future__ import annotations

import os
from collections.abc import Sequence

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]


def _trials(_: Reference) -> Sequence[Trial]:
    here = os.environ.get("PYTHONHASHSEED", "0")
    seed = "1" if here != "1" else "2"
    return [Trial(f"PYTHONHASHSEED={seed}", Conditions(variables={"PYTHONHASHSEED": seed}))]


SCENARIO = Scenario(
    "hashseed",
    "hash strings with another seed",
    1,
    _trials,
    order=10,
    joins=True,
    cause="hash-order",
    sure=True,
    depends="the seed of string hashes",
    advice="put sets into an order before they are used: sorted(names); and make seeds by samerun.derive.derive, not"
    " by hash()",
)
