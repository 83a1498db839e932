"""The runs are the same as far as both go, and one ends earlier."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence
from samerun.divergence.words import count

__all__ = ["CAUSE"]


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    side = evidence.comparison.shorter
    if evidence.pair is not None or side is None:
        return None
    shorter, longer = evidence.comparison.ends[side], evidence.comparison.ends[1 - side]
    return Diagnosis(
        "number-of-steps",
        f"{evidence.labels[side]} ended after {count(shorter, 'step')}, {evidence.labels[1 - side]} after {longer:,}; "
        f"all that both did is the same",
        "compare what decides how many steps are made: epochs, the length of the dataset, batch size, early stopping",
        details=(f"{evidence.labels[side]} ended with: {evidence.traces[side].finished}",),
    )


CAUSE = Cause("number-of-steps", 10, _diagnose)
