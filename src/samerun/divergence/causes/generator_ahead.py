"""Something drew from a generator in one run and not in the other."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence
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
    if pair is None or pair.series.kind not in ("rng", "draw"):
        return None
    source = pair.series.name
    state = pair if pair.series.kind == "rng" else _state(evidence, source)
    draws = evidence.draws(state) if state is not None else None
    line = evidence.extra_draw(source)
    if not draws and line is None:
        return None
    side = line[0] if line is not None else int(draws is not None and draws > 0)
    amount = "ahead" if not draws else ahead(abs(draws))
    return Diagnosis(
        "generator-ahead",
        f"{generator(source)} is {amount} in {evidence.labels[side]}: something drew from it {_WHERE[pair.phase]}",
        "draw that from another generator, or put it into samerun.isolate() or a Stream, so that it leaves no trace",
        line[1] if line is not None else None,
        details=() if line is not None else ("samerun explain finds the line",),
    )


def _state(evidence: Evidence, source: str) -> Pair | None:
    later = evidence.comparison.later
    return next((pair for series, pair in later.items() if (series.kind, series.name) == ("rng", source)), None)


CAUSE = Cause("generator-ahead", 80, _diagnose)
