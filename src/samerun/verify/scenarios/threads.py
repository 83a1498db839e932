"""Another number of threads, which adds in another order."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.verify.conditions import Conditions
from samerun.verify.reference import Reference
from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial

__all__ = ["SCENARIO"]

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def _trials(reference: Reference) -> Sequence[Trial]:
    return [_trial(2 if reference.threads == 1 else 1)]


def _trial(number: int) -> Trial:
    variables = dict.fromkeys(_VARIABLES, str(number))
    return Trial(f"{number} thread{'s' * (number != 1)}", Conditions(variables=variables))


SCENARIO = Scenario(
    "threads",
    "compute with 1 thread, or with 2 if it has 1",
    1,
    _trials,
    order=60,
    surroundings=True,
    cause="threads",
    sure=True,
    depends="the number of threads",
    advice="pin the number of threads: samerun.deterministic(threads=1), or torch.set_num_threads(1), at the top",
)
