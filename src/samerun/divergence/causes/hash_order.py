"""The order of a set, or a number made with ``hash()``: both depend on the hash seed of the process."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.causes.other_seed import other_seeds
from samerun.divergence.causes.seeded_late import used_early
from samerun.divergence.evidence import Evidence, place_of
from samerun.divergence.sources import hash_lines

__all__ = ["CAUSE"]

_ADVICE = "set PYTHONHASHSEED=0 before Python starts, or sort the set, and make numbers of text with samerun.derive"


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    if evidence.pair is None or not evidence.hashing_varies or evidence.resumed is not None:
        return None
    if not evidence.same_program:  # that is the nearer cause
        return None
    return _seed(evidence) or _names(evidence) or _batch(evidence)


def _seed(evidence: Evidence) -> Diagnosis | None:
    found = other_seeds(evidence)
    if found is None or not isinstance(found[0].value.get("value"), int):
        return None
    if hash_lines(evidence.traces[1]) == []:
        return None
    one, other = (note.value.get("value") for note in found)
    return Diagnosis(
        "hash-order",
        f"the same program seeded with {one} and with {other}: the number was probably made with hash(), "
        f"which differs from process to process",
        _ADVICE,
        place_of(found[1]),
        certain=False,
    )


def _names(evidence: Evidence) -> Diagnosis | None:
    """Look for the same tensors in another order."""
    for series in evidence.comparison.pairing.compared:
        if series.kind == "parameters":
            ours, theirs = ([part.name for part in trace.layout(series, 0)] for trace in evidence.traces)
            if ours != theirs and sorted(ours) == sorted(theirs):
                place = next(at for at, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])
                return Diagnosis(
                    "hash-order",
                    f"the parameters come in another order: number {place} is {ours[place]} and {theirs[place]}; "
                    f"probably they were taken from a set",
                    _ADVICE,
                    certain=False,
                )
    return None


def _batch(evidence: Evidence) -> Diagnosis | None:
    found = evidence.batches
    if found is None or not evidence.agrees("rng") or evidence.setup or used_early(evidence) is not None:
        return None
    if lines := hash_lines(evidence.traces[1]):
        what = "the samples are others" if found.how == "content" else "the same samples come in another order"
        return Diagnosis(
            "hash-order",
            f"{what} although all generators agree; strings have other hashes in the two runs, and the code uses "
            f"hash() or the order of a set",
            _ADVICE,
            lines[0],
            certain=False,
            details=tuple(map(str, lines[1:4])),
        )
    if found.how not in ("within", "order"):
        return None
    return Diagnosis(
        "hash-order",
        "the same samples come in another order although all generators agree and strings have other hashes in the two "
        "runs: probably a set or hash() decides the order",
        _ADVICE,
        evidence.loader_place(1),
        certain=False,
    )


CAUSE = Cause("hash-order", 50, _diagnose)
