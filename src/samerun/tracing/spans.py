"""At the beginning of which steps a state stood, and the step that most of several states point to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

from samerun.tracing.format import Phase
from samerun.tracing.reader import Event, Series, Trace

__all__ = ["after", "first_of_most", "spans"]


def after(event: Event) -> int:
    """Return the step that an event's state stands at the beginning of."""
    return _after(event.step, event.phase)


def _after(step: int, phase: int) -> int:
    return step + 1 if phase == Phase.STEPPED else step


def spans(trace: Trace, series: Series) -> Iterator[tuple[bytes, range]]:
    """Yield the digests of a series that stands until it changes, with the steps at whose beginning each stood.

    An optimizer of several is recorded at its own steps only, so that its state also stands at the beginning of those
    that another one takes; the last state stands at the beginning of the step after the last finished one, too.

    Raises:
        TraceError: if the trace is damaged.
    """
    rows = trace.keys(trace.first_step, trace.last_step + 1, [series])
    starts = [_after(step, phase) for step, phase, *_ in rows]
    digests = [digest for *_, digest in rows]
    for digest, (start, stop) in zip(digests, pairwise([*starts, trace.last_step + 3]), strict=True):
        if start < stop:
            yield digest, range(start, stop)


def first_of_most(states: Iterable[tuple[Iterable[range], int]]) -> tuple[int, int]:
    """Return the first step at which states of the greatest weight stood together, and that weight.

    Where not all of them ever did, a step behind step 0 is preferred to that: what a script did not load stands where
    its seed put it.

    Args:
        states: when each stood, at most once at a step, and its weight.

    Returns:
        0 and 0 if none ever stood.
    """
    changes: Counter[int] = Counter()
    everything = 0
    for stood, weight in states:
        everything += weight
        for steps in stood:
            changes[steps.start] += weight
            changes[steps.stop] -= weight
    places = sorted(changes)
    weights = list(accumulate(changes[place] for place in places))
    most = max(weights, default=0)
    found = [place for place, weight in zip(places, weights, strict=True) if weight == most] if most else [0]
    later = [place for place in found if place > 0]
    return (found if most == everything or not later else later)[0], most
