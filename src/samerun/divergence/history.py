"""Two runs over time: what is the same and what differs in each stretch, the losses, and how far they are apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from samerun.divergence.compare import Comparison
from samerun.divergence.pairs import Pair
from samerun.tracing.format import KINDS, Phase
from samerun.tracing.reader import Series

__all__ = ["Column", "History", "Row", "history"]

# Columns of the strip, and steps that are looked at in all.
_COLUMNS, _STEPS = 240, 20_000


@dataclass(frozen=True, slots=True)
class Column:
    """A stretch of steps: its first and last one, and how many of them were looked at."""

    first: int
    last: int
    looked_at: int


@dataclass(slots=True)
class Row:
    """What became of one series at one moment of a step.

    Attributes:
        series: what it is about.
        phase: the moment.
        cells: for each column whether all looked at is the same; ``None`` where nothing happened.
    """

    series: Series
    phase: Phase
    cells: list[bool | None]


@dataclass(slots=True)
class History:
    """Two runs over time.

    Attributes:
        columns: the stretches of steps.
        rows: by moment, and then in the order of kinds and names.
        losses: ``(step, loss)`` of either run.
        distances: ``(step, absolute difference of the losses)``.
        tensors: ``(step, how many parameters differ, of how many)``, where they were recorded one by one.
    """

    columns: list[Column]
    rows: list[Row] = field(default_factory=list)
    losses: tuple[list[tuple[int, float]], list[tuple[int, float]]] = ([], [])
    distances: list[tuple[int, float]] = field(default_factory=list)
    tensors: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every step was looked at."""
        return all(column.last - column.first < column.looked_at for column in self.columns)


def history(comparison: Comparison) -> History:
    """Look at two runs from beginning to end; of more than 20,000 steps only at some in each stretch.

    Raises:
        TraceError: if a trace is damaged.
    """
    groups = list(_groups(comparison.pairing.steps))
    found = History([Column(group[0], group[-1], len(chosen)) for group, chosen in groups])
    rows: dict[tuple[Phase, Series], Row] = {}
    standing: list[dict[Series, bool]] = []
    for number, (_, chosen) in enumerate(groups):
        for pair in comparison.pairing.pairs(chosen):
            series = _shown(pair.series)
            row = rows.setdefault((pair.phase, series), Row(series, pair.phase, [None] * len(groups)))
            row.cells[number] = row.cells[number] is not False and pair.same
            if pair.series.kind == "parameters" and (count := _tensors(pair)) is not None:
                found.tensors.append((pair.step, *count))
        standing.append(_standing(comparison))
    for row in rows.values():
        _fill(row, standing)
    found.rows = sorted(rows.values(), key=lambda row: (row.phase, KINDS.index(row.series.kind), row.series.name))
    found.losses = _losses(comparison)
    ours, theirs = map(dict, found.losses)
    found.distances = [(step, abs(loss - theirs[step])) for step, loss in ours.items() if step in theirs]
    return found


def _groups(steps: Sequence[int]) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """Yield the steps of each column, and those of them that are looked at."""
    size = max(math.ceil(len(steps) / _COLUMNS), 1)
    most = size if len(steps) <= _STEPS else _STEPS // _COLUMNS
    for start in range(0, len(steps), size):
        group = steps[start : start + size]
        yield group, group[:most]


def _shown(series: Series) -> Series:
    """Return the row a series belongs to: those of levels 2 and 3 are many and share one for each kind."""
    return Series(series.kind, "") if series.kind in ("output", "op", "draw") else series


def _standing(comparison: Comparison) -> dict[Series, bool]:
    ours, theirs = comparison.pairing.standing
    shared = ours.keys() & theirs.keys()
    return {series: ours[series].digest == theirs[series].digest for series in shared}


def _fill(row: Row, standing: Sequence[dict[Series, bool]]) -> None:
    """Let what stands until it changes be seen also where it did not change, once it is known."""
    begun = False
    for number, cell in enumerate(row.cells):
        begun = begun or cell is not None
        if begun and cell is None:
            row.cells[number] = standing[number].get(row.series)


def _tensors(pair: Pair) -> tuple[int, int] | None:
    ours = pair.first.part_digests() if pair.first else []
    theirs = pair.second.part_digests() if pair.second else []
    if not ours or len(ours) != len(theirs):
        return None
    return sum(one != other for one, other in zip(ours, theirs, strict=True)), len(ours)


def _losses(comparison: Comparison) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    pairing = comparison.pairing
    first = [(step.step, step.loss) for step in pairing.first.steps() if step.loss is not None]
    second = [(step.step + pairing.offset, step.loss) for step in pairing.second.steps() if step.loss is not None]
    return first, second
