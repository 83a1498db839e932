"""Something drew from a generator in one run and not in the other."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import COMPUTED, Evidence
from samerun.divergence.pairs import Pair
from samerun.divergence.words import ahead, generator
from samerun.tracing.format import Phase

__all__ = ["CAUSE"]

_WHERE = {
    Phase.BEFORE_BATCH: "between the step before and the fetching of the batch",
    Phase.BATCH: "while the batch was fetched",
    Phase.GRADIENTS: "in the forward or backward pass",
    Phase.STEPPED: "between the fetching of the batch and the end of the optimizer's step",
}


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair = evidence.pair
    if pair is None:
        return None
    moved = [pair] if pair.series.kind == "rng" else _moved(evidence, pair)
    counted = [(state.series.name, evidence.draws(state)) for state in moved]
    counted = [(source, draws) for source, draws in counted if draws]
    # A difference of another kind is the doing of draws only where they can be counted.
    sources = [source for source, _ in counted] or ([pair.series.name] if pair.series.kind == "draw" else [])
    line = next((found for source in sources if (found := evidence.extra_draw(source)) is not None), None)
    if not counted and line is None:
        return None
    source, draws = counted[0] if counted else (pair.series.name, 0)
    side = line[0] if line is not None else int((draws or 0) > 0)
    others = [f"{generator(other)} is {_in_words(number)} there" for other, number in counted[1:]]
    return Diagnosis(
        "generator-ahead",
        f"{generator(source)} is {_in_words(draws)} in {evidence.labels[side]}: something drew from it {_where(pair)}",
        "draw that from another generator, or put it into samerun.isolate() or a Stream, so that it leaves no trace",
        line[1] if line is not None else None,
        details=(*others, *(() if line is not None else ("samerun explain finds the line",))),
    )


def _moved(evidence: Evidence, pair: Pair) -> list[Pair]:
    """Return the generators that differ by the end of the step in which something that was computed differs."""
    if pair.series.kind not in (*COMPUTED, "draw"):
        return []
    moved = [other for other in evidence.comparison.later.values() if other.series.kind == "rng"]
    moved = [other for other in moved if other.step == pair.step]
    # Dropout draws from torch's; what was seen to be drawn first comes before all.
    return sorted(moved, key=lambda other: (other.series.name != pair.series.name, other.series.name[:5] != "torch"))


def _in_words(draws: int | None) -> str:
    return ahead(abs(draws)) if draws else "ahead"


def _where(pair: Pair) -> str:
    return _WHERE[pair.phase] if pair.series.kind == "rng" else _WHERE[Phase.STEPPED]


CAUSE = Cause("generator-ahead", 80, _diagnose)
