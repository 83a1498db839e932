"""The same samples, cut into other batches."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence
from samerun.divergence.words import change, count

__all__ = ["CAUSE"]

_SETTINGS = ("batch_size", "drop_last", "num_workers", "batch_sampler", "world size")


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    found = evidence.batches
    if found is None:
        return None
    changes = [change for change in evidence.setup if change.name.startswith("loader")]
    changes = [change for change in changes if change.name.endswith(_SETTINGS)]
    iterable = any(note.value.get("iterable") for note in evidence.notes(1, "loader"))
    workers = iterable and any(change.name.endswith("num_workers") for change in changes)
    if found.how != "grouped" and not (found.how == "order" and workers):
        return None
    one, other = found.sizes
    sizes = f"{count(one, 'sample')} and {other}" if one != other else f"both of {count(one, 'sample')}"
    why = "each worker of an iterable dataset makes batches of its own" if workers else "the first ones have"
    return Diagnosis(
        "other-batches",
        f"the same samples come in other batches: {why} ({sizes})"
        if workers
        else f"the same samples come in other batches: {why} {sizes}",
        "use the same batch_size, drop_last and number of ranks, and with an iterable dataset the same num_workers",
        evidence.loader_place(1),
        details=tuple(map(change, changes)),
    )


CAUSE = Cause("other-batches", 120, _diagnose)
