"""The samples themselves are others, in the same order."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence
from samerun.divergence.words import change, count, generator, listed

__all__ = ["CAUSE"]

_KEYED = "let every item draw from generators keyed by its epoch and place: samerun.DataLoader(..., seed=42)"
_MADE = "compare what makes a sample: the transforms, their settings, and what decides them, such as the command"
_FILES = "probably what they are made from was changed, such as a file"
_PRIVATE = "probably a transform draws from a generator of its own that is not seeded for each item"


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    found = evidence.batches
    if found is None or found.how != "content":
        return None
    changes = [change for change in evidence.setup if change.name.startswith("loader")]
    workers = next((change for change in changes if change.name.endswith("num_workers")), None)
    init = next((change for change in changes if change.name.endswith("worker_init_fn")), None)
    seeds = evidence.extra_notes("worker-seed", "loader", "seed")
    drawn = [(other.series.name, draws) for other in evidence.drawn_for_batch if (draws := evidence.draws(other))]
    own = [series for series in evidence.comparison.pairing.left_out if series.kind == "rng"]
    if workers is not None:
        why = f"they were made by {workers.first} and {workers.second} workers, whose generators draw other numbers"
    elif seeds[0] and seeds[1]:
        why = "the workers began from other seeds"
    elif init is not None:
        why = f"the workers seed their generators otherwise (worker_init_fn is {init.first} and {init.second})"
    elif drawn:
        (name, draws), *_ = drawn
        more = f"took {count(abs(draws), 'draw')} more for it in {evidence.labels[int(draws > 0)]}"
        why = f"{generator(name)} {more}: its samples are made in another way"
    elif own:
        why = f"{listed([generator(series.name) for series in own])} is in one of the runs only"
    elif evidence.resumed is not None:
        why = "the generators that made them were not where they had been"
    else:
        why = _PRIVATE if 2 * found.same_places < found.sizes[1] else _FILES
    same = (
        f"{found.same_places} of {found.sizes[1]} samples of the batch agree, and the rest are nowhere near"
        if found.same_places
        else "no sample agrees with any near it"
    )
    certain = workers is not None or init is not None or bool(drawn) or bool(seeds[0] and seeds[1])
    return Diagnosis(
        "item-content",
        f"the samples are others: {same} in {evidence.labels[0]}; {why}",
        _MADE if drawn and workers is None and init is None else _KEYED,
        evidence.loader_place(1),
        certain=certain,
        details=(*[change(found) for found in changes[:4]], *_hashing(evidence, certain)),
    )


def _hashing(evidence: Evidence, certain: bool) -> tuple[str, ...]:
    if certain or not evidence.hashing_varies:
        return ()
    return ("strings have other hashes in the two runs: labels numbered in the order of a set would differ too",)


CAUSE = Cause("item-content", 140, _diagnose)
