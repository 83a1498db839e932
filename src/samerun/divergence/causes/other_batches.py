"""The same samples, cut into other batches."""

from __future__ import annotations

from samerun.determinism import Change
from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence
from samerun.divergence.words import change, count

__all__ = ["CAUSE"]

_SETTINGS = ("batch_size", "drop_last", "num_workers", "batch_sampler", "world size")
_ADVICE = "use the same batch_size, drop_last and number of ranks, and with an iterable dataset the same num_workers"


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    found = evidence.batches
    changes = [change for change in evidence.setup if change.name.startswith("loader")]
    changes = [change for change in changes if change.name.endswith(_SETTINGS)]
    if found is None:
        return _pass_ended(evidence, changes)
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
        _ADVICE,
        evidence.loader_place(1),
        details=tuple(map(change, changes)),
    )


def _pass_ended(evidence: Evidence, changes: list[Change]) -> Diagnosis | None:
    """Look for a pass over the data that ended in one of the runs, which begins the next one."""
    pair = evidence.pair
    if pair is None or pair.series.kind not in ("rng", "batch"):
        return None
    step = evidence.step_of
    begun = [any(note.step == step(side) > 0 for note in evidence.notes(side, "iter")) for side in (0, 1)]
    if not changes or begun[0] == begun[1]:
        return None
    return Diagnosis(
        "other-batches",
        f"the batches of a pass over the data are others: it ended before step {pair.step} in "
        f"{evidence.labels[begun.index(True)]}, and goes on in {evidence.labels[begun.index(False)]}",
        _ADVICE,
        evidence.loader_place(1),
        details=tuple(map(change, changes)),
    )


CAUSE = Cause("other-batches", 75, _diagnose)
