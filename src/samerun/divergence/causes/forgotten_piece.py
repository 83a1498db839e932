"""A resumed run lacks a piece of the state of the run it goes on from."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import COMPUTED, Evidence, place_of
from samerun.divergence.pairs import Pair
from samerun.divergence.words import ahead, count, generator, listed, rates, subject
from samerun.tracing.format import Phase, is_untrained
from samerun.tracing.reader import Note
from samerun.tracing.sites import Site

__all__ = ["CAUSE"]

_RESTORE = "save it in the checkpoint and load it before the first step of the resumed run"
# Steps after resuming in which a schedule or statistics that were not restored show.
_SOON = 1000
_POSITION, _OPTIMIZER = "the position in the data", "the optimizer's state"


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair, side = evidence.pair, evidence.resumed
    if pair is None or side is None:
        return None
    found = _piece(evidence, pair)
    if found is None:
        return None
    what, sentence, advice = found
    begun = _begun(evidence, side) if what == _POSITION else None
    label = evidence.labels[side]
    loads = evidence.notes(side, "load")
    loaded = listed(list(dict.fromkeys(str(note.value.get("call")) for note in loads)), 6)
    # What draws or is fetched shows before the first step of the optimizer does.
    also = evidence.at_resumption and what != _OPTIMIZER and _has_no_optimizer_state(evidence)
    return Diagnosis(
        "forgotten-piece",
        f"{label} goes on from step {evidence.comparison.pairing.steps[0]} without {what}: {sentence}",
        advice,
        begun or place_of(_last_load(loads)),
        details=(
            f"{label} loaded: {loaded}" if loads else f"{label} loaded nothing that was seen",
            *((f"{_OPTIMIZER} is missing there, too: it had none before the first step",) if also else ()),
        ),
    )


def _piece(evidence: Evidence, pair: Pair) -> tuple[str, str, str] | None:
    """Return the name of the piece, what shows that it is missing, and what to do."""
    kind = pair.series.kind
    if is_untrained(*pair.series):
        return _average(evidence, pair)
    if kind in ("rates", "optimizer", "parameters") and evidence.at_resumption and _has_no_optimizer_state(evidence):
        return _OPTIMIZER, "it had none before the first step", f"load optimizer.state_dict(): {_RESTORE}"
    if not evidence.at_resumption and kind not in ("rates", "scaler", "buffers"):
        return None
    if pair.step - evidence.comparison.pairing.steps[0] > _SOON:
        return None
    if kind == "loss" and (scaler := _scaler(evidence)) is not None:
        return "the gradient scaler", scaler, f"load scaler.state_dict(): {_RESTORE}"
    if evidence.moved and not (kind == "parameters" and pair.phase < Phase.STEPPED):
        return _generator(evidence, evidence.moved[0])
    if kind == "batch":
        return _position(evidence)
    return _of_training(evidence, pair)


def _of_training(evidence: Evidence, pair: Pair) -> tuple[str, str, str] | None:
    kind = pair.series.kind
    if kind == "parameters" and pair.phase < Phase.STEPPED:
        return _parameters(evidence, pair)
    if kind == "optimizer" and pair.phase < Phase.STEPPED:
        return (
            _OPTIMIZER,
            "it is another one before the first step",
            f"load optimizer.state_dict(): {_RESTORE}",
        )
    if kind in ("optimizer", "parameters") and evidence.agrees_now("gradients"):
        advice = f"load optimizer.state_dict(): {_RESTORE}"
        return _OPTIMIZER, "equal gradients and learning rates gave another step", advice
    if kind == "rates":
        one, other = map(rates, evidence.values_of(pair))
        return "the schedule", f"the learning rates are {one} and {other}", f"load scheduler.state_dict(): {_RESTORE}"
    if kind == "scaler":
        one, other = evidence.values_of(pair)
        return "the gradient scaler", f"its scale is {one} and {other}", f"load scaler.state_dict(): {_RESTORE}"
    if kind == "buffers":
        names = listed(differing_parts(evidence, pair) or ["the buffers"])
        return (
            "the buffers",
            f"{names} differ",
            f"save and load the whole model.state_dict(), with its buffers: {_RESTORE}",
        )
    return _unseen(pair) if kind in COMPUTED else None


def _parameters(evidence: Evidence, pair: Pair) -> tuple[str, str, str]:
    found = differing_parts(evidence, pair)
    of = len(evidence.traces[0].layout(pair.series, pair.first.step)) if found and pair.first else 0
    if len(found) == of:
        return "the parameters", "they are others before the first step", f"load the model's state: {_RESTORE}"
    return (
        f"{len(found)} of {of} parameters",
        f"{listed(found, 3)} are others before the first step",
        "load all of the model's state: load_state_dict(strict=False) passes over what the checkpoint has by another"
        " name, and returns that as missing_keys",
    )


def _unseen(pair: Pair) -> tuple[str, str, str]:
    return (
        "something else that it computes with",
        f"the first difference is in {subject(pair.series)} of its first step; parameters agree",
        f"look for averaged weights (EMA), a second model, a queue or a counter of your own: {_RESTORE}",
    )


def _scaler(evidence: Evidence) -> str | None:
    """Return how the scale differs that the loss was multiplied with, or ``None``."""
    found = next((pair for series, pair in evidence.comparison.later.items() if series.kind == "scaler"), None)
    if found is None or evidence.pair is None or found.step != evidence.pair.step:
        return None
    skipped = [note for note in evidence.notes(evidence.resumed or 0, "skipped") if note.step == 0]
    if skipped:
        return f"it skipped {count(len(skipped), 'step')} that overflowed, down from the scale that it begins with"
    one, other = evidence.values_of(found)
    return f"its scale is {one} and {other}"


def _average(evidence: Evidence, pair: Pair) -> tuple[str, str, str] | None:
    """Look at what no optimizer trains, which shows when it was used or updated for the first time."""
    if pair.step - evidence.comparison.pairing.steps[0] > _SOON:
        return None
    when = "before the first step" if evidence.at_resumption else f"before step {pair.step}, as its updates are others"
    what = "an average of the weights (EMA) or a teacher, if training changes it"
    return (
        subject(pair.series),
        f"no optimizer trains them, so they are {what}; they differ {when}",
        f"load the state_dict() of it, with the number of its updates: {_RESTORE}",
    )


def _has_no_optimizer_state(evidence: Evidence) -> bool:
    """Return whether the resumed run's optimizer had no state at its beginning, where that of the other run had one."""
    side = evidence.resumed
    if side is None:
        return False
    step = evidence.comparison.pairing.steps[0] - (0 if side else evidence.comparison.pairing.offset)
    standing = evidence.traces[1 - side].standing(step)
    for series in evidence.comparison.pairing.compared:
        if series.kind == "optimizer" and series in standing:
            trace = evidence.traces[side]
            events = trace.of(series, trace.first_step, trace.first_step)
            if events and events[0].phase == Phase.STEPPED:
                return True
    return False


def _generator(evidence: Evidence, pair: Pair) -> tuple[str, str, str] | None:
    name = generator(pair.series.name)
    draws = evidence.draws(pair)
    if evidence.is_restored(pair.series.name) and draws and (draws > 0) == bool(evidence.resumed):
        return None  # it was restored, and drawn from after that
    state = "it is in another state" if not draws else f"it is {ahead(draws if evidence.resumed else -draws)}"
    when = {Phase.BEFORE_BATCH: "before the first batch", Phase.BATCH: "after the batch was fetched"}
    advice = "save samerun.capture() with the checkpoint, and samerun.restore() it last, before the first batch"
    late = ", and was restored only after that" if _is_restored_late(evidence, pair) else ""
    return f"the state of {name}", f"{state} {when.get(pair.phase, 'by the end of the first step')}{late}", advice


def _is_restored_late(evidence: Evidence, pair: Pair) -> bool:
    side = evidence.resumed or 0
    event = (pair.first, pair.second)[side]
    restored = [note.seq for note in evidence.notes(side, "load") if note.value.get("on") == pair.series.name]
    return event is not None and any(seq > event.seq for seq in restored)


def _position(evidence: Evidence) -> tuple[str, str, str]:
    advice = "save how far the epoch was and go on there: samerun.DataLoader has state_dict() and load_state_dict()"
    found = evidence.batches
    start = evidence.comparison.pairing.steps[0]
    if found is not None and found.elsewhere is not None and evidence.resumed == 1:
        begins = f"its first batch is that of step {found.elsewhere}, not of step {start}"
        return _POSITION, begins, advice
    if found is not None and found.how == "content":
        return (
            "what its samples are made from",
            f"the samples of its first batch are in no batch near step {start}",
            advice,
        )
    return _POSITION, "its first batch is another one", advice


def _begun(evidence: Evidence, side: int) -> Site | None:
    """Return the line that iterates the loader whose batches come from another place; no load has to do with it."""
    name = evidence.pair.series.name if evidence.pair else None
    notes = [note for note in evidence.notes(side, "iter") if note.value.get("loader") == name]
    return place_of(notes[0]) if notes else None


def differing_parts(evidence: Evidence, pair: Pair) -> list[str]:
    """Return the names of the tensors that differ in a pair, if they were recorded."""
    if pair.first is None or pair.second is None:
        return []
    ours, theirs = pair.first.part_digests(), pair.second.part_digests()
    layout = evidence.traces[0].layout(pair.series, pair.first.step)
    return [part.name for part, one, other in zip(layout, ours, theirs, strict=False) if one != other]


def _last_load(loads: list[Note]) -> Note | None:
    return loads[-1] if loads else None


CAUSE = Cause("forgotten-piece", 30, _diagnose)
