"""A generator that was never seeded begins elsewhere in every process."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence, place_of
from samerun.divergence.words import generator
from samerun.tracing.reader import Series

__all__ = ["CAUSE"]

_ADVICE = "seed all generators at once before anything else: samerun.seed_everything(42)"


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair = evidence.pair
    if pair is None or evidence.resumed is not None:
        return None
    if pair.series.kind == "draw":
        return _generator(evidence, Series("rng", pair.series.name))
    found = (_generator(evidence, other.series) for other in evidence.moved)
    return next((diagnosis for diagnosis in found if diagnosis is not None), None) or _idle(evidence)


def _generator(evidence: Evidence, series: Series) -> Diagnosis | None:
    if series in evidence.comparison.agreed():
        return None
    seeded = [bool(evidence.seeds(side, series.name)) for side in (0, 1)]
    if all(seeded):
        return None
    if series.name not in ("python", "numpy") and not series.name.startswith("torch"):
        return _private(evidence, series)
    where = "in either run" if not any(seeded) else f"in {evidence.labels[seeded.index(False)]}"
    return Diagnosis("never-seeded", f"{generator(series.name)} was never seeded {where}", _ADVICE)


def _private(evidence: Evidence, series: Series) -> Diagnosis:
    """A generator inside the user's objects: made without a seed, if one was made so."""
    made = [note for note in evidence.notes(1, "seed") if note.value.get("library") == "numpy.Generator"]
    unseeded = [note for note in made if note.value.get("value") is None]
    return Diagnosis(
        "never-seeded",
        f"{generator(series.name)} begins in another state in each run: it was made without a seed",
        "give it a seed where it is made; what holds it may take one (seed=, random_state=)",
        place_of(unseeded[-1] if unseeded else None),
        certain=bool(unseeded),
    )


def _idle(evidence: Evidence) -> Diagnosis | None:
    """Look for generators that nothing drew from once the recording began, but perhaps before it."""
    idle = [series for series in sorted(evidence.comparison.pairing.idle) if not evidence.seeds(0, series.name)]
    # Everyone has Python's and NumPy's unseeded: that says something only where torch's is known to be right.
    if not idle or evidence.pair is None or evidence.pair.series.kind != "parameters" or not evidence.agrees("rng"):
        return None
    names = " and ".join(generator(series.name) for series in idle)
    return Diagnosis(
        "never-seeded",
        f"the initial weights differ and {names} {'was' if len(idle) == 1 else 'were'} never seeded: perhaps they were "
        f"drawn from there",
        _ADVICE,
        certain=False,
    )


CAUSE = Cause("never-seeded", 70, _diagnose)
