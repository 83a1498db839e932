"""The events of two traces side by side, in order of execution."""

from __future__ import annotations

import fnmatch
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import attrgetter

from samerun.divergence.fetches import without_extra_fetches
from samerun.tracing.format import STANDING, Phase
from samerun.tracing.reader import Event, Series, Trace

__all__ = ["Pair", "Pairing"]

# Recorded for some steps only, so that one trace may lack them at a step.
_DEEP = frozenset({"output", "op", "draw"})
# What is looked at once more at the end, and how a trace says that the run came to it.
_AT_THE_END, _ENDS = frozenset({"optimizer", "parameters", "buffers"}), frozenset({"end", "exit"})
# Steps that are read at once.
_WINDOW = 500

Key = tuple[int, int, Series]
Standing = tuple[dict[Series, Event], dict[Series, Event]]


@dataclass(frozen=True, slots=True)
class Pair:
    """The same moment of two runs.

    Attributes:
        step: in the first trace.
        phase: where in the step.
        nth: which event of its series in this phase.
        series: what it is about.
        first: the event, or the earlier one that still stands; ``None`` if nothing happened there.
        second: the same of the second trace.
    """

    step: int
    phase: Phase
    nth: int
    series: Series
    first: Event | None
    second: Event | None

    @property
    def same(self) -> bool:
        """Whether both have the same bits."""
        return self.first is not None and self.second is not None and self.first.digest == self.second.digest


class Pairing:
    """Two traces whose steps belong together.

    Attributes:
        first: a trace.
        second: a trace.
        offset: what is added to a step of the second to get that of the first.
        compared: the series that are compared.
        left_out: series that only one of them recorded, with which: 0 or 1.
        idle: generators that differ and that neither run drew from while it was recorded, so that nothing depends on
            them; they are not compared.
        steps: the steps that both recorded and finished, in the numbers of the first.
    """

    def __init__(self, first: Trace, second: Trace, offset: int, ignore: Collection[str] = ()) -> None:
        self.first, self.second, self.offset = first, second, offset
        # Read once: the traces look through all of their events for it.
        self._begins = max(first.first_step, second.first_step + offset)
        ours, theirs = set(first.series.values()), set(second.series.values())
        kinds = {series.kind for series in ours} & {series.kind for series in theirs}
        # What stands is unknown where it was never recorded; what happens did not happen.
        known = (ours & theirs) | {series for series in ours | theirs if series.kind in kinds - STANDING}
        wanted = {series for series in known if not any(_matches(series, pattern) for pattern in ignore)}
        self.idle = frozenset(series for series in wanted if series.kind == "rng" and self._is_idle(series))
        self.compared = frozenset(wanted - self.idle)
        self._reached: tuple[int, Standing] = (sys.maxsize, ({}, {}))
        self.left_out = {series: int(series in theirs) for series in sorted((ours | theirs) - known)}

    def _is_idle(self, series: Series) -> bool:
        ours, theirs = self.first.distinct(series), self.second.distinct(series)
        return len(ours) == len(theirs) == 1 and ours != theirs

    @cached_property
    def steps(self) -> list[int]:
        """The steps that both recorded and finished."""
        return sorted(self._digests(0).keys() & self._digests(1).keys())

    @cached_property
    def suspects(self) -> list[int]:
        """Those of the steps whose digests differ: no other can hold a difference."""
        ours, theirs = self._digests(0), self._digests(1)
        return [step for step in self.steps if ours[step] != theirs[step]]

    def _digests(self, side: int) -> dict[int, bytes]:
        return self._ours if side == 0 else self._theirs

    @cached_property
    def _ours(self) -> dict[int, bytes]:
        return {step.step: step.digest for step in self.first.steps()}

    @cached_property
    def _theirs(self) -> dict[int, bytes]:
        return {step.step + self.offset: step.digest for step in self.second.steps()}

    def first_difference(self) -> Pair | None:
        """Return the earliest pair that differs, or ``None``; the steps that one of them did not finish come last."""
        for window in _windows(self.suspects):
            if self._equal(window[0], window[-1]):
                continue
            for pair in self.pairs(window):
                if not pair.same:
                    return pair
        return next((pair for pair in self._unfinished() if not pair.same), None)

    def pairs(self, steps: Sequence[int]) -> Iterator[Pair]:
        """Yield the pairs of some steps, ascending, in order of execution."""
        if not steps:
            return
        chosen = set(steps)
        standing = self._standing(steps[0])
        ours = _by_step(self.first.events(steps[0], steps[-1]), 0)
        theirs = _by_step(self.second.events(steps[0] - self.offset, steps[-1] - self.offset), self.offset)
        for step in sorted({*ours, *theirs}):
            pairs = list(self._of_step(step, ours.get(step, []), theirs.get(step, []), standing))
            if step in chosen:
                yield from _without_passing(pairs)
        self._reached = steps[-1] + 1, standing

    @property
    def standing(self) -> Standing:
        """What stands in either trace after the pairs that were yielded last."""
        return self._reached[1]

    def _standing(self, step: int) -> Standing:
        """Return what stands at the beginning of a step; what comes after an earlier call is not looked up again."""
        reached, known = self._reached
        if reached > step:
            reached, known = min(self.first.first_step, self.second.first_step + self.offset), ({}, {})
        first = self.first.standing(step, reached)
        second = self.second.standing(step - self.offset, reached - self.offset)
        return {**known[0], **first}, {**known[1], **second}

    def _of_step(
        self,
        step: int,
        ours: Sequence[Event],
        theirs: Sequence[Event],
        standing: Standing,
    ) -> Iterator[Pair]:
        wanted = self._comparable(ours, theirs)
        both = (
            [event for event in ours if event.series in wanted],
            [event for event in theirs if event.series in wanted],
        )
        first, second = map(_numbered, without_extra_fetches(*both, self._resumed_at(step)))
        for key in _merged(list(first), list(second)):
            events = first.get(key), second.get(key)
            phase, nth, series = key
            if series.kind in STANDING:
                for event, kept in zip(events, standing, strict=True):
                    if event is not None:
                        kept[series] = event
                events = standing[0].get(series), standing[1].get(series)
                if None in events:  # one of them was not recorded yet
                    continue
            yield Pair(step, Phase(phase), nth, series, *events)

    def _resumed_at(self, step: int) -> int | None:
        """Return which of the runs was resumed, if this is the first step of it."""
        side = None if self.offset == 0 else int(self.offset > 0)
        return side if step == self._begins else None

    def _comparable(self, ours: Sequence[Event], theirs: Sequence[Event]) -> frozenset[Series]:
        """Return the series to compare in a step; levels 2 and 3 may have been recorded in one of the traces only."""
        kinds = [{event.series.kind for event in events} & _DEEP for events in (ours, theirs)]
        if kinds[0] == kinds[1]:
            return self.compared
        return frozenset(series for series in self.compared if series.kind not in kinds[0] ^ kinds[1])

    def _unfinished(self) -> Iterator[Pair]:
        """Yield what both did in the step after the last one that both finished, as far as both went.

        Where both came to their end there, what stands was looked at by both, whether it had changed or not.
        """
        last = min(self.first.last_step, self.second.last_step + self.offset) + 1
        ours, theirs = self.first.events(last, last), self.second.events(last - self.offset, last - self.offset)
        both = {_key(event) for event in ours} & {_key(event) for event in theirs}
        if self._end_together:
            both |= {_key(event) for event in (*ours, *theirs) if event.series.kind in _AT_THE_END}
        ours, theirs = ([event for event in events if _key(event) in both] for events in (ours, theirs))
        yield from _without_passing(list(self._of_step(last, ours, theirs, self._standing(last))))

    @property
    def _end_together(self) -> bool:
        ended = all(trace.finished in _ENDS for trace in (self.first, self.second))
        return ended and self.first.last_step == self.second.last_step + self.offset

    def _equal(self, start: int, stop: int) -> bool:
        """Return whether all rows of some steps are equal, which is quicker than pairing them."""
        ours = self.first.keys(start, stop, self.compared)
        theirs = self.second.keys(start - self.offset, stop - self.offset, self.compared)
        if len(ours) != len(theirs):
            return False
        names, other_names = self.first.series, self.second.series
        same_numbers = all(
            names.get(number) == series for number, series in other_names.items() if series in self.compared
        )
        if same_numbers and not self.offset:
            return ours == theirs
        back = {series: number for number, series in names.items()}
        renumbered = {number: back.get(series, -1) for number, series in other_names.items()}
        return ours == [
            (step + self.offset, phase, nth, renumbered[n], digest) for step, phase, nth, n, digest in theirs
        ]


def _matches(series: Series, pattern: str) -> bool:
    kind, _, name = pattern.partition(":")
    return series.kind == kind and (not name or fnmatch.fnmatchcase(series.name, name))


def _key(event: Event) -> Key:
    return event.phase, event.nth, event.series


def _numbered(events: Sequence[Event]) -> dict[Key, Event]:
    """Return events by phase, occurrence and series."""
    seen: Counter[tuple[int, Series]] = Counter()
    found: dict[Key, Event] = {}
    for event in events:
        place = event.phase, event.series
        found[event.phase, seen[place], event.series] = event
        seen[place] += 1
    return found


def _without_passing(pairs: list[Pair]) -> list[Pair]:
    """Leave out generators that differ before a batch is fetched and agree once it is there.

    With workers a loader draws the seed of the order when an iterator is made, without them when the first batch is
    fetched; and a resumed run restores its generators anywhere before that.
    """
    fetched = {pair.series: pair.same for pair in pairs if pair.phase <= Phase.BATCH and pair.series.kind == "rng"}
    return [
        pair for pair in pairs if pair.same or pair.phase != Phase.BEFORE_BATCH or not fetched.get(pair.series, False)
    ]


def _by_step(events: list[Event], offset: int) -> dict[int, list[Event]]:
    return {step + offset: list(group) for step, group in groupby(events, attrgetter("step"))}


def _merged(ours: list[Key], theirs: list[Key]) -> Iterator[Key]:
    """Yield the keys of the first in order, each followed by those that only the second has after it."""
    known = set(ours)
    later: dict[Key | None, list[Key]] = {}
    last = None
    for key in theirs:
        if key in known:
            last = key
        else:
            later.setdefault(last, []).append(key)
    yield from later.get(None, ())
    for key in ours:
        yield key
        yield from later.get(key, ())


def _windows(steps: list[int]) -> Iterator[list[int]]:
    """Yield steps in groups that reach over no more than some hundreds of steps."""
    group: list[int] = []
    for step in steps:
        if group and step - group[0] >= _WINDOW:
            yield group
            group = []
        group.append(step)
    if group:
        yield group
