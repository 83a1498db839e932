"""The runs were seeded with different numbers."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence, place_of
from samerun.divergence.words import generator
from samerun.tracing.reader import Note

__all__ = ["CAUSE", "other_seeds"]


def other_seeds(evidence: Evidence) -> tuple[Note, Note] | None:
    """Return the first notes of both runs that seed the same generator with different numbers."""
    pair = evidence.pair
    if evidence.batches is not None and evidence.batches.how == "content":
        return _of_items(evidence)
    if pair is None or (not evidence.moved and pair.series.kind not in ("draw", "parameters")):
        return None
    sources = [other.series.name for other in evidence.moved] + (
        [pair.series.name] if pair.series.kind == "draw" else []
    )
    concerned = [note for source in sources for note in evidence.seeds(0, source)]
    # What a resumed run seeds after its start is that of later epochs.
    most = None if evidence.resumed is None else 1
    for one, other in zip(evidence.notes(0, "seed")[:most], evidence.notes(1, "seed")[:most], strict=False):
        same_library = one.value.get("library") == other.value.get("library")
        if same_library and (one in concerned or not sources) and one.value.get("value") != other.value.get("value"):
            return one, other
    return None


def _of_items(evidence: Evidence) -> tuple[Note, Note] | None:
    """Return the first notes that make a generator of NumPy's from different numbers, as a dataset may do."""
    made = [[note for note in evidence.notes(side, "seed") if _makes(note)] for side in (0, 1)]
    pairs = zip(*made, strict=False)
    return next(((one, other) for one, other in pairs if one.value["value"] != other.value["value"]), None)


def _makes(note: Note) -> bool:
    return note.value.get("library") == "numpy.Generator" and note.value.get("value") is not None


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    found = other_seeds(evidence)
    if found is None:
        return None
    one, other = found
    library = str(one.value.get("library"))
    return Diagnosis(
        "other-seed",
        f"{generator({'torch': 'torch.cpu'}.get(library, library))} was seeded with {one.value.get('value')!r} in "
        f"{evidence.labels[0]} and with {other.value.get('value')!r} in {evidence.labels[1]}",
        "give both runs the same seed, as a number that no clock, process number or hash() enters",
        place_of(other),
    )


CAUSE = Cause("other-seed", 60, _diagnose)
