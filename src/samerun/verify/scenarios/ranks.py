"""Two processes that train together, twice."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import NotApplicable, Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]

_TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def _trials(reference: Reference) -> Sequence[Trial]:
    if reference.ranks > 1:
        raise NotApplicable("its own command starts several ranks, so that repeat has compared them")
    conditions = Conditions(launcher=_TORCHRUN)
    return [Trial("2 ranks, again", conditions, against=Trial("2 ranks", conditions))]


SCENARIO = Scenario(
    "ranks",
    "train with two ranks, twice; for scripts that torchrun can start",
    4,
    _trials,
    order=110,
    default=False,
    needed="torchrun cannot start it with two ranks",
    advice="compare with how many threads each rank computes, and set a seed on each rank before the model is made",
)
