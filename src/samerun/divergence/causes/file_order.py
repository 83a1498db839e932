"""The files of a directory came in another order, or are other files."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence, place_of, same_line
from samerun.divergence.words import count
from samerun.tracing.reader import Note

__all__ = ["CAUSE"]

# A directory's order can only show in what the data are, or what was made of them.
_KINDS = frozenset({"batch", "parameters", "loss", "gradients", "output", "op"})


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    if evidence.pair is None or evidence.pair.series.kind not in _KINDS:
        return None
    for one, other in zip(evidence.notes(0, "listdir"), evidence.notes(1, "listdir"), strict=False):
        if one.value.get("digest") != other.value.get("digest") and _same_call(one, other):
            return _found(one, other)
    return None


def _same_call(one: Note, other: Note) -> bool:
    return same_line(place_of(one), place_of(other))


def _found(one: Note, other: Note) -> Diagnosis:
    directory = str(other.value.get("path"))
    if one.value.get("sorted") == other.value.get("sorted"):
        files = count(int(other.value.get("count") or 0), "file")
        return Diagnosis(
            "file-order",
            f"the {files} of {directory} came in another order",
            "sort what listdir, scandir, glob and Path.iterdir return: sorted(...)",
            place_of(other),
        )
    numbers = [int(note.value.get("count") or 0) for note in (one, other)]
    return Diagnosis(
        "file-order",
        f"the directory {directory} held other files: {numbers[0]:,} in the first run, {numbers[1]:,} in the second",
        "give both runs the same files, and read only those that are meant",
        place_of(other),
    )


CAUSE = Cause("file-order", 20, _diagnose)
