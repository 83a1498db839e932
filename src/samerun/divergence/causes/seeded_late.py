"""The weights were made before the generator was seeded."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence, place_of
from samerun.divergence.words import generator
from samerun.tracing.format import Phase

__all__ = ["CAUSE"]


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair = evidence.pair
    if pair is None or pair.series.kind != "parameters" or pair.phase == Phase.STEPPED or evidence.resumed is not None:
        return None
    seeds = [evidence.seeds(side, "torch.cpu") for side in (0, 1)]
    values = [[note.value.get("value") for note in notes] for notes in seeds]
    if not values[0] or values[0] != values[1] or not evidence.agrees("rng") or evidence.notes(1, "load"):
        return None
    return Diagnosis(
        "seeded-late",
        f"{generator('torch.cpu')} was seeded with {values[0][-1]!r} in both runs and agrees at the first step, but "
        f"the weights differ: they were made before it was seeded",
        "seed before the model is made: samerun.seed_everything(42) as the first thing the script does",
        place_of(seeds[1][-1]),
    )


CAUSE = Cause("seeded-late", 100, _diagnose)
