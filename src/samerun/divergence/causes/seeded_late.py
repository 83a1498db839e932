"""The weights were made, or the data chosen, before the generator was seeded."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence, place_of
from samerun.divergence.pairs import Pair
from samerun.divergence.sources import drawn_before
from samerun.divergence.words import generator, subject
from samerun.tracing.format import Phase
from samerun.tracing.reader import Note

__all__ = ["CAUSE"]


_ADVICE = "seed before anything is drawn: samerun.seed_everything(42) as the first thing the script does"


# What a seed is told of, and the source that it is one of. Each begins elsewhere in every process.
_SOURCES = {"python": "python", "numpy": "numpy", "torch": "torch.cpu"}


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    return _weights(evidence) or _used(evidence)


def _weights(evidence: Evidence) -> Diagnosis | None:
    if not evidence.at_initial_weights or evidence.resumed is not None:
        return None
    seeds = [evidence.seeds(side, "torch.cpu") for side in (0, 1)]
    values = [[note.value.get("value") for note in notes] for notes in seeds]
    if not values[0] or values[0] != values[1] or not evidence.agrees("rng") or evidence.notes(1, "load"):
        return None
    if seeds[1][0].value.get("used") is False:
        return None
    return Diagnosis(
        "seeded-late",
        f"{generator('torch.cpu')} was seeded with {values[0][-1]!r} in both runs and agrees at the first step, but "
        f"the weights differ: they were made before it was seeded",
        _ADVICE,
        place_of(seeds[1][-1]),
    )


def _used(evidence: Evidence) -> Diagnosis | None:
    pair, note = evidence.pair, used_early(evidence)
    if pair is None or note is None:
        return None
    library, seed = str(note.value.get("library")), place_of(note)
    name = generator(_SOURCES[library])
    drew = drawn_before(evidence.traces[1], seed, library) if seed is not None else None
    return Diagnosis(
        "seeded-late",
        f"{name} was drawn from before it was seeded with {note.value.get('value')!r}, and what it gave then is "
        f"another in every process: the first difference is in {subject(pair.series)}",
        _ADVICE,
        drew or seed,
        certain=False,
        details=(f"seeded at {seed}",) if drew else (),
    )


def used_early(evidence: Evidence) -> Note | None:
    """Return the note of a generator that was drawn from before both runs seeded it with the same number.

    Only where that can be why data or weights differ that were there before the first step.
    """
    pair = evidence.pair
    if pair is None or evidence.resumed is not None or evidence.moved or evidence.setup or not _is_early(pair):
        return None
    # Libraries draw while they are imported: names of temporary files, say. Another program is the nearer cause.
    if not evidence.same_program or evidence.drawn_for_batch:
        return None
    for one, other in zip(evidence.notes(0, "seed"), evidence.notes(1, "seed"), strict=False):
        same = _told(one) == _told(other) and _told(one)[0] in _SOURCES
        if same and one.value.get("used") and other.value.get("used"):
            return other
    return None


def _told(note: Note) -> tuple[object, object]:
    return note.value.get("library"), note.value.get("value")


def _is_early(pair: Pair) -> bool:
    """Return whether it was there before the first step: data, or weights."""
    return pair.series.kind == "batch" or (pair.step == 0 and pair.phase != Phase.STEPPED)


CAUSE = Cause("seeded-late", 100, _diagnose)
