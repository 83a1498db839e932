"""The learning rate, or another setting of the optimizer, differs."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence, place_of
from samerun.divergence.words import change, rates

__all__ = ["CAUSE"]


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair = evidence.pair
    if pair is None or pair.series.kind != "rates":
        return None
    one, other = map(rates, evidence.values_of(pair))
    name = pair.series.name
    details = tuple(change(found) for found in evidence.setup if found.name.startswith(f"optimizer {name}:"))[:4]
    what = f"the learning rate is {one} and {other}" if one != other else "a setting of the optimizer differs"
    notes = [note for note in evidence.notes(1, "optimizer") if str(note.value.get("optimizer", name)) == name]
    return Diagnosis(
        "learning-rate",
        f"{what} in step {pair.step}",
        "compare what sets it: the optimizer's arguments, the schedule, and when scheduler.step() is called",
        place_of(notes[-1] if notes else None),
        details=details,
    )


CAUSE = Cause("learning-rate", 90, _diagnose)
