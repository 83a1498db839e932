"""Something drew from a generator in one run and not in the other."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence
from samerun.divergence.pairs import Pair
from samerun.divergence.words import ahead, change, generator
from samerun.tracing.format import Phase
from samerun.tracing.reader import Series

__all__ = ["CAUSE"]

_ADVICE = "draw that from another generator, or put it into samerun.isolate() or a Stream, so that it leaves no trace"
_AGAIN = (
    ", although it was restored: batches that are skipped, or were fetched ahead before it was saved, draw again, and"
    " so does an evaluation that is repeated"
)
_KEYED = (
    "let no batch draw from it: samerun.DataLoader has generators for each item, and a state in place of skipping;"
    " evaluate inside samerun.isolate()"
)
_SETTINGS = "give both loaders the same settings, or use samerun.DataLoader, whose draws do not depend on them"
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
    if _made_otherwise(evidence, pair):
        return None
    if (initial := _initial(evidence, pair)) is not None:
        return initial
    counted = [(state.series.name, evidence.draws(state)) for state in evidence.moved]
    counted = [(source, draws) for source, draws in counted if draws]
    # A difference of another kind is the doing of draws only where they can be counted.
    sources = [source for source, _ in counted] or ([pair.series.name] if pair.series.kind == "draw" else [])
    line = next((found for source in sources if (found := evidence.extra_draw(source)) is not None), None)
    if not counted and line is None:
        return _uncounted(evidence, pair)
    source, draws = counted[0] if counted else (pair.series.name, 0)
    side = line[0] if line is not None else int((draws or 0) > 0)
    where = _where(evidence, pair)
    again = side == evidence.resumed and evidence.is_restored(source)
    loader = _loader(evidence, pair) if line is None else []
    others = [f"{generator(other)} is {_in_words(number)} there" for other, number in counted[1:]]
    return Diagnosis(
        "generator-ahead",
        f"{generator(source)} is {_in_words(draws)} in {evidence.labels[side]}: something drew from it {where}"
        f"{_AGAIN if again else ''}",
        _KEYED if again else _SETTINGS if loader else _ADVICE,
        line[1] if line is not None else evidence.loader_place(1) if loader else None,
        details=(*others, *loader, *(() if line is not None else ("samerun explain finds the line",))),
    )


def _made_otherwise(evidence: Evidence, pair: Pair) -> bool:
    """Return whether the parameters have other shapes or dtypes, for which other numbers were drawn at first."""
    first = pair.step == evidence.comparison.pairing.steps[0] and pair.phase < Phase.GRADIENTS
    return first and any(found.name.startswith("model ") and ": parameters" in found.name for found in evidence.setup)


def _loader(evidence: Evidence, pair: Pair) -> list[str]:
    """Return what is set otherwise in the loaders, if one of them was begun anew in this step: that draws."""
    begun = any(note.step == evidence.step_of(side) for side in (0, 1) for note in evidence.notes(side, "iter"))
    if not begun or pair.series.kind != "rng" or pair.phase > Phase.BATCH:
        return []
    return [change(found) for found in evidence.setup if found.name.startswith("loader ")][:4]


def _initial(evidence: Evidence, pair: Pair) -> Diagnosis | None:
    """Look for draws before the weights were made, after which nothing draws from the generator any more."""
    if pair.series.kind != "parameters" or pair.phase == Phase.STEPPED or evidence.moved:
        return None
    draws = evidence.initial_draws(Series("rng", "torch.cpu"))
    if not draws:
        return None
    return Diagnosis(
        "generator-ahead",
        f"the weights differ, and {generator('torch.cpu')} is {ahead(abs(draws))} in "
        f"{evidence.labels[int(draws > 0)]} when the first step begins: something drew from it before that",
        _ADVICE,
        details=("samerun explain finds the line",),
    )


def _uncounted(evidence: Evidence, pair: Pair) -> Diagnosis | None:
    """Say what is known where the draws cannot be counted, as for PCG64, on a device, or where it was set."""
    agreed = evidence.comparison.agreed()
    moved = [other for other in evidence.moved if other.series in agreed]
    if not moved or evidence.resumed is not None:
        return None
    return Diagnosis(
        "generator-ahead",
        f"{generator(moved[0].series.name)} is in another state: something drew from it, or set it, "
        f"{_where(evidence, pair)} in one of the runs; the draws cannot be counted",
        _ADVICE,
        certain=False,
        details=("samerun explain finds the line",),
    )


def _in_words(draws: int | None) -> str:
    return ahead(abs(draws)) if draws else "ahead"


def _where(evidence: Evidence, pair: Pair) -> str:
    if pair.series.kind == "rng" or pair.step == 0 or evidence.agrees_now("batch"):
        return _WHERE[pair.phase if pair.series.kind == "rng" else Phase.STEPPED]
    return f"between the ends of steps {pair.step - 1} and {pair.step}"


CAUSE = Cause("generator-ahead", 80, _diagnose)
