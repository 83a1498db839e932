"""One run seeded a generator, or set its state, once more than the other."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence, library_of, place_of
from samerun.divergence.words import generator
from samerun.tracing.reader import Note

__all__ = ["CAUSE"]


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    if evidence.resumed is not None:
        return None
    sources = [pair.series.name for pair in evidence.moved]
    if evidence.pair is not None and evidence.pair.series.kind == "draw":
        sources.insert(0, evidence.pair.series.name)
    return next((found for source in sources if (found := _of(evidence, source)) is not None), None)


def _of(evidence: Evidence, source: str) -> Diagnosis | None:
    seeds, sets = evidence.extra_notes("seed", "library", "value"), evidence.extra_notes("load", "call", "on")
    for side in (1, 0):
        if _went_on(evidence, source, side):
            continue
        extra = [note for note in seeds[side] if note.value.get("library") == library_of(source)]
        extra += [note for note in sets[side] if note.value.get("on") == source]
        others = len(evidence.seeds(1 - side, source))
        if extra and (extra[-1].kind == "load" or 0 < others < len(evidence.seeds(side, source))):
            return _found(evidence.labels[side], source, extra[-1])
    return None


def _went_on(evidence: Evidence, source: str, side: int) -> bool:
    """Return whether a generator is ahead in a run by draws that can be counted, so that it was put back after all."""
    found = [evidence.draws(pair) for pair in evidence.moved if pair.series.name == source]
    return any(draws and (draws > 0) == bool(side) for draws in found)


def _found(label: str, source: str, note: Note) -> Diagnosis:
    did = "was put into a state" if note.kind == "load" else f"was seeded with {note.value.get('value')!r}"
    when = f"in step {note.step}" if note.step else "before the first step was over"
    return Diagnosis(
        "seeded-twice",
        f"{generator(source)} {did} {when} in {label} only",
        "seed once, at the start; to draw something without disturbing the run, use samerun.isolate() or a Stream",
        place_of(note),
    )


CAUSE = Cause("seeded-twice", 40, _diagnose)
