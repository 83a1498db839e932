"""The runs begin with other weights."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.causes.forgotten_piece import differing_parts
from samerun.divergence.evidence import Evidence, place_of
from samerun.divergence.words import listed
from samerun.tracing.format import Phase

__all__ = ["CAUSE"]


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair = evidence.pair
    if pair is None or pair.series.kind != "parameters" or pair.phase == Phase.STEPPED:
        return None
    names = differing_parts(evidence, pair)
    which = f"{listed(names)} differ" if names else "they differ"
    loads = [note for note in evidence.notes(1, "load") if note.step == 0]
    return Diagnosis(
        "initial-weights",
        f"the runs begin with other weights: {which} before the first step",
        "seed before the model is made, and load the same file into both"
        if not loads
        else "load the same file into both",
        place_of(loads[-1] if loads else None),
    )


CAUSE = Cause("initial-weights", 110, _diagnose)
