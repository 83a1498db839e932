"""The batches that were fetched in a step, told apart from those that another run did not fetch there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from samerun.tracing.format import Phase
from samerun.tracing.reader import Event

__all__ = ["without_extra_fetches"]


@dataclass(frozen=True, slots=True)
class _Fetch:
    """A batch and what was recorded for it.

    Attributes:
        loader: whose it is.
        events: the states of generators before it, the batch itself, and the states after it.
        used: whether a backward pass came before the next batch.
    """

    loader: str
    events: tuple[Event, ...]
    used: bool


def without_extra_fetches(
    ours: Sequence[Event], theirs: Sequence[Event], resumed: int | None = None
) -> tuple[Sequence[Event], Sequence[Event]]:
    """Return the events of a step in two runs without the batches that only one of them fetched to no effect.

    These are those of a loader that the other run does not iterate in this step, if no backward pass followed and all
    batches of the other have a counterpart: a validation, say. What it draws shows in the generators. In the first step
    of a resumed run these are also batches that it passes over to get to where it was, and all of loaders that are not
    trained on there and of which one had more: it validated what was behind it by then, and the other may have begun
    with a trial of that.

    Args:
        ours: the events of the first run, in order.
        theirs: the same of the second.
        resumed: which of the runs was resumed in this step.
    """
    both = ours, theirs
    fetches = [list(_fetches(events)) for events in both]
    counts = [Counter(fetch.loader for fetch in found) for found in fetches]
    if counts[0] == counts[1]:
        return both
    beside = _beside(fetches, counts) if resumed is not None else set()
    kept = []
    for side, events in enumerate(both):
        extra = counts[side] - counts[1 - side]
        missing = counts[1 - side] - counts[side]
        left_out = [fetch for fetch in fetches[side] if fetch.loader in beside]
        if not missing:
            left_out += [fetch for fetch in fetches[side] if not (counts[1 - side][fetch.loader] or fetch.used)]
        if side == resumed:
            left_out += [fetch for fetch in _passed_over(fetches[side], extra) if fetch not in left_out]
        kept.append(_without(events, left_out))
    return kept[0], kept[1]


def _beside(fetches: Sequence[Sequence[_Fetch]], counts: Sequence[Counter[str]]) -> set[str]:
    """Return the loaders that were iterated otherwise and that no batch was trained on of, if any other was."""
    trained = {fetch.loader for found in fetches for fetch in found if fetch.used}
    # Of two that are iterated together only the second one comes right before the backward pass.
    otherwise = {loader for loader in {*counts[0], *counts[1]} if counts[0][loader] != counts[1][loader]}
    return otherwise - trained if trained else set()


def _without(events: Sequence[Event], left_out: Sequence[_Fetch]) -> list[Event]:
    """Return the events without some fetches; the states that the last left the generators in stand after it."""
    gone = {event.seq for fetch in left_out for event in fetch.events}
    states = {event.series: event for fetch in left_out for event in fetch.events if event.series.kind == "rng"}
    left = {event.seq for event in states.values()}
    return [
        event._replace(phase=Phase.BEFORE_BATCH) if event.seq in left else event
        for event in events
        if event.seq not in gone or event.seq in left
    ]


def _fetches(events: Sequence[Event]) -> Iterator[_Fetch]:
    gathered: list[Event] = []
    loader, used = None, False
    for event in events:
        begins = event.phase == Phase.BEFORE_BATCH and event.series.kind == "rng"
        if loader is not None and (begins or event.series.kind == "batch"):
            yield _Fetch(loader, tuple(gathered), used)
            gathered, loader, used = [], None, False
        if event.series.kind == "batch":
            loader = event.series.name
        if event.series.kind == "loss":
            used = True
        if not used and event.series.kind in ("rng", "batch") and event.phase <= Phase.BATCH:
            gathered.append(event)
    if loader is not None:
        yield _Fetch(loader, tuple(gathered), used)


def _passed_over(fetches: Sequence[_Fetch], extra: Counter[str]) -> Iterator[_Fetch]:
    """Yield the first batches that nothing was made of, as many as there are too many of a loader."""
    left = Counter(extra)
    for fetch in fetches:
        if left[fetch.loader] and not fetch.used:
            left[fetch.loader] -= 1
            yield fetch
