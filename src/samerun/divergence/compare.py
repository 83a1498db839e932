"""Two traced runs compared: the earliest event that differs, and what agreed before it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from samerun.divergence.align import Alignment, align
from samerun.divergence.pairs import Pair, Pairing
from samerun.errors import TraceError
from samerun.tracing.reader import Series, Trace, open_run

__all__ = ["Comparison", "RunComparison", "compare", "compare_runs"]

# Steps that are looked at for what else differs after the first difference.
_LATER = 100


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two traces of one process each.

    Attributes:
        process: its name, such as ``rank 0``.
        pairing: the traces, and which steps of them belong together.
        alignment: how that was found.
        divergence: the earliest pair that differs, in order of execution; ``None`` if there is none.
        before: the pairs of the same step before it; all of them are the same.
        later: for every other series, the first pair that differs within 100 steps after it.
        ends: the number after the last finished step of each, in the numbers of the first.
    """

    process: str
    pairing: Pairing
    alignment: Alignment
    divergence: Pair | None
    before: tuple[Pair, ...]
    later: Mapping[Series, Pair]
    ends: tuple[int, int]

    @property
    def shorter(self) -> int | None:
        """The trace that ended by itself before the other did, 0 or 1; one that was cut off says nothing."""
        if self.ends[0] == self.ends[1]:
            return None
        side = 0 if self.ends[0] < self.ends[1] else 1
        return side if (self.pairing.first, self.pairing.second)[side].finished is not None else None

    @property
    def same(self) -> bool:
        """Whether nothing differs as far as both were recorded, and none ended earlier by itself."""
        return self.divergence is None and self.shorter is None

    def agreed(self) -> list[Series]:
        """Return the series that had agreed before the divergence, in the order in which they first happened."""
        seen = dict.fromkeys(pair.series for pair in self.before)
        end = self.divergence.step if self.divergence else self.ends[0]
        if any(step < end for step in self.pairing.steps):
            start = self.pairing.steps[0]
            events = self.pairing.first.events(start, min(start + 1, end - 1))
            standing = self.pairing.first.standing(start)
            seen = {**dict.fromkeys(standing), **dict.fromkeys(event.series for event in events), **seen}
        return [series for series in seen if series in self.pairing.compared]


@dataclass(frozen=True, slots=True, eq=False)
class RunComparison:
    """Two runs of one or more processes.

    Attributes:
        processes: the comparisons of processes that both have.
        left_out: processes that only one of the runs has, with which: 0 or 1.
    """

    processes: tuple[Comparison, ...]
    left_out: Mapping[str, int]

    @property
    def same(self) -> bool:
        """Whether no process differs, and both runs have the same ones."""
        return not self.left_out and all(comparison.same for comparison in self.processes)

    @property
    def worst(self) -> Comparison:
        """The comparison with the earliest difference; the first one if none differs."""
        return min(self.processes, key=_earliness)

    def close(self) -> None:
        """Close all files."""
        for comparison in self.processes:
            comparison.pairing.first.close()
            comparison.pairing.second.close()


def compare_runs(
    first: Path, second: Path, *, ignore: Collection[str] = (), offset: int | None = None
) -> RunComparison:
    """Compare all processes of two runs; the result reads from the files until it is closed.

    The arguments are those of :func:`samerun.divergence.judge`.

    Raises:
        TraceError: if a file cannot be read, or they have no step in common.
    """
    with ExitStack() as unused:
        ours = _opened(first, unused)
        theirs = _opened(second, unused)
        shared = [name for name in ours if name in theirs]
        found = tuple(compare(name, ours[name], theirs[name], ignore, offset) for name in shared)
        unused.pop_all()
    for name in ours.keys() ^ theirs.keys():
        (ours.get(name) or theirs[name]).close()
    left_out = {name: int(name in theirs) for name in (*ours, *theirs) if name not in shared}
    return RunComparison(found, left_out)


def _opened(path: Path, unused: ExitStack) -> dict[str, Trace]:
    found = open_run(path)
    for trace in found.values():
        unused.callback(trace.close)
    return found


def compare(
    process: str, first: Trace, second: Trace, ignore: Collection[str] = (), offset: int | None = None
) -> Comparison:
    """Compare two traces of one process each.

    Raises:
        TraceError: if a trace is damaged, or they have no step in common.
    """
    alignment = align(first, second, offset)
    pairing = Pairing(first, second, alignment.offset, ignore)
    if not pairing.steps:
        raise TraceError(str(second.path), _nothing_in_common(pairing))
    divergence = pairing.first_difference()
    before, later = _around(pairing, divergence) if divergence else ((), {})
    ends = first.last_step + 1, second.last_step + 1 + alignment.offset
    return Comparison(process, pairing, alignment, divergence, before, later, ends)


def _nothing_in_common(pairing: Pairing) -> str:
    here, there = _span(pairing.second), _span(pairing.first)
    found = f"has no step in common with {pairing.first.path}: {here} here, {there} there"
    return f"{found}, at an offset of {pairing.offset}; give another one (--offset) if that is wrong"


def _span(trace: Trace) -> str:
    return "no finished step" if trace.last_step < 0 else f"steps {trace.first_step} to {trace.last_step}"


def _around(pairing: Pairing, divergence: Pair) -> tuple[tuple[Pair, ...], dict[Series, Pair]]:
    before: list[Pair] = []
    later: dict[Series, Pair] = {}
    last = divergence.step + _LATER
    steps = [step for step in pairing.steps if divergence.step <= step <= last] or [divergence.step]
    reached = False
    for pair in pairing.pairs(steps):
        reached = reached or _place(pair) == _place(divergence)
        if not reached:
            before.append(pair)
        elif not pair.same:
            later.setdefault(pair.series, pair)
    later.pop(divergence.series, None)
    return tuple(before), later


def _place(pair: Pair) -> tuple[object, ...]:
    return pair.step, pair.phase, pair.nth, pair.series


def _earliness(comparison: Comparison) -> tuple[float, int]:
    pair = comparison.divergence
    if pair is None:
        return (min(comparison.ends) if comparison.shorter is not None else float("inf"), 0)
    return pair.step, len(comparison.before)
