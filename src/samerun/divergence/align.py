"""Which step of one trace is which of the other: the same, or, where one was resumed, later ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from samerun.tracing.format import Phase, is_untrained
from samerun.tracing.reader import Event, Series, Trace
from samerun.tracing.spans import after, first_of_most, spans

__all__ = ["Alignment", "align"]

# Batches in a row that must be found for two runs to be aligned by them.
_BATCHES = 3


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the steps of two traces belong together.

    Attributes:
        offset: a step of the second trace is this many steps later in the first; negative if the first was resumed.
        by: what that was told by: ``"start"`` if both began alike, ``"given"``, ``"parameters"``,
            ``"optimizer"``, ``"batches"``, ``"rng"``, or ``"nothing"`` if neither begins anywhere in the other.
    """

    offset: int
    by: str

    @property
    def resumed(self) -> bool:
        """Whether one of the runs goes on in the middle of the other."""
        return self.offset != 0


def align(first: Trace, second: Trace, offset: int | None = None) -> Alignment:
    """Find where the second trace begins in the first, or the other way round.

    Looked for are, in this order: the parameters before the first step, which a resumed run has from the checkpoint,
    those of all optimizers at one step, or else of most; the optimizers' states, by which a run is known that did not
    load its parameters, or not all of them; the first batches; the states of the generators. The earliest place counts.

    Raises:
        TraceError: if a trace is damaged.
    """
    if offset is not None:
        return Alignment(offset, "given")
    looks = (
        ("parameters", _by_all_parameters),
        ("parameters", _by_parameters),
        ("optimizer", _by_optimizer),
        ("batches", _by_batches),
        ("rng", _by_generators),
    )
    for by, look in looks:
        if (found := next(look(first, second), None)) is not None:
            return Alignment(found, by if found else "start")
        if (found := next(look(second, first), None)) is not None:
            return Alignment(-found, by)
    return Alignment(0, "nothing")


def _by_all_parameters(whole: Trace, part: Trace) -> Iterator[int]:
    """Ask for all: what is not trained for a while stands in both traces, whichever of them was resumed."""
    return _by_parameters(whole, part, every=True)


def _by_parameters(whole: Trace, part: Trace, *, every: bool = False) -> Iterator[int]:
    # More than all optimizers together, which decide between steps that have the same parameters.
    return _by_initial(whole, part, {"parameters": len(part.series), "optimizer": 1}, every=every)


def _by_optimizer(whole: Trace, part: Trace) -> Iterator[int]:
    return _by_initial(whole, part, {"optimizer": 1})


def _by_initial(whole: Trace, part: Trace, weights: dict[str, int], *, every: bool = False) -> Iterator[int]:
    """Find the first step at whose beginning most of what the part begins with stood at once, by its weight.

    What one optimizer trains is recorded at its own steps: alone, one of several may tell too early a step. At least
    one series of the greatest weight must have stood there, or every one.
    """
    start, greatest = part.first_step, max(weights.values())
    states = []
    for series in part.series.values():
        if series.kind in weights and not is_untrained(*series) and (initial := initial_event(part, series)):
            stood = [steps for digest, steps in spans(whole, series) if digest == initial.digest]
            offsets = [range(max(steps.start - start, 0), steps.stop - start) for steps in stood if steps.stop > start]
            states.append((offsets, weights[series.kind]))
    least = sum(weight == greatest for _, weight in states) if every else 1
    offset, found = first_of_most(states)
    if found >= greatest * max(least, 1):
        yield offset


def initial_event(trace: Trace, series: Series) -> Event | None:
    """Return the event of a series before the first optimizer step ends, or ``None``."""
    events = trace.of(series, trace.first_step, trace.first_step)
    return events[0] if events and events[0].phase != Phase.STEPPED else None


def _by_batches(whole: Trace, part: Trace) -> Iterator[int]:
    for series in part.series.values():
        batches = part.of(series, part.first_step, part.first_step + _BATCHES - 1) if series.kind == "batch" else []
        for hit in whole.find(series, batches[0].digest) if batches else []:
            offset = hit.step - batches[0].step
            there = whole.of(series, hit.step, hit.step + _BATCHES - 1)[hit.nth :]
            if offset >= 0 and all(one.digest == other.digest for one, other in zip(batches, there, strict=False)):
                yield offset


def _by_generators(whole: Trace, part: Trace) -> Iterator[int]:
    """Find a generator's first state where only one step of the other trace has it."""
    for series in part.series.values():
        initial = initial_event(part, series) if series.kind == "rng" else None
        hits = whole.find(series, initial.digest) if initial else []
        steps = {after(hit) for hit in hits if hit.phase in (Phase.BEFORE_BATCH, Phase.STEPPED)}
        if len(steps) == 1 and (offset := steps.pop() - part.first_step) >= 0:
            yield offset
