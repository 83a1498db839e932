"""The causes there are: every other module of this package that has one, named ``CAUSE``."""

from __future__ import annotations

from functools import cache

from samerun.divergence import causes as package
from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence
from samerun.plugins import members

__all__ = ["all_causes", "diagnose"]


@cache
def all_causes() -> tuple[Cause, ...]:
    """Return all causes in the order in which they are asked."""
    return tuple(sorted(members(package, "CAUSE"), key=lambda cause: cause.order))


def diagnose(evidence: Evidence) -> tuple[Diagnosis, ...]:
    """Return what explains a difference, the best first; empty if there is no difference to explain.

    The first one that explains it counts; those after it are what else fits.
    """
    if evidence.comparison.same:
        return ()
    found = [diagnosis for cause in all_causes() if (diagnosis := cause.diagnose(evidence)) is not None]
    # What may always be the cause says nothing where another one is shown, and so does that none fits where one does.
    weak = {"unknown", "environment"} if found and found[0].certain else {"unknown"}
    return tuple([diagnosis for diagnosis in found if diagnosis.cause not in weak] or found)
