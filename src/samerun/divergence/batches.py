"""How two runs' batches differ: the same samples in another order or grouping, or other samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from samerun.divergence.compare import Comparison
from samerun.tracing.reader import Event, Series, Trace

__all__ = ["BatchDifference", "compare_batches"]

# Steps on either side of the divergence whose samples are looked through.
_SPAN = 1000
# Share of samples that must be found elsewhere for their order to be what differs.
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class BatchDifference:
    """How the first batches that differ do so.

    Attributes:
        how: ``"within"``: the same samples in another order in the batch; ``"order"``: samples that the other run has
            in other batches; ``"grouped"``: the same sequence of samples cut into other batches; ``"content"``: samples
            that the other run does not have.
        sizes: the number of samples of each batch.
        same_places: how many samples are the same at the same place in both.
        found: how many samples of the second run's batch are somewhere in the first run.
        elsewhere: a step of the first run that has exactly the second run's batch, if there is one.
    """

    how: Literal["within", "order", "grouped", "content"]
    sizes: tuple[int, int]
    same_places: int
    found: int
    elsewhere: int | None


def compare_batches(comparison: Comparison) -> BatchDifference | None:
    """Return how the divergent batches differ; ``None`` if their samples were not recorded."""
    pair = comparison.divergence
    if pair is None or pair.first is None or pair.second is None or not (pair.first.parts and pair.second.parts):
        return None
    ours, theirs = pair.first.part_digests(), pair.second.part_digests()
    pool = Counter(_rows(comparison.pairing.first, pair.series, max(pair.step - _SPAN, 0), pair.step + _SPAN))
    found = sum(row in pool for row in theirs)
    elsewhere = comparison.pairing.first.find(pair.series, pair.second.digest)
    return BatchDifference(
        _how(comparison, pair.first, pair.second, pool),
        (len(ours), len(theirs)),
        sum(one == other for one, other in zip(ours, theirs, strict=False)),
        found,
        elsewhere[0].step if elsewhere else None,
    )


def _how(
    comparison: Comparison, first: Event, second: Event, pool: Counter[bytes]
) -> Literal["within", "order", "grouped", "content"]:
    ours, theirs = first.part_digests(), second.part_digests()
    if Counter(ours) == Counter(theirs):
        return "within"
    if _same_sequence(comparison, first, second):
        return "grouped"
    # A sample that is where it was says nothing of those that are not.
    moved = [row for at, row in enumerate(theirs) if at >= len(ours) or ours[at] != row]
    return "order" if sum(row in pool for row in moved) > _MOST * len(moved) else "content"


def _same_sequence(comparison: Comparison, first: Event, second: Event) -> bool:
    """Return whether the samples from the divergence on are the same one after the other, whatever the batches."""
    if len(first.part_digests()) == len(second.part_digests()):
        return False
    rows = [
        _rows(trace, event.series, event.step, event.step + _SPAN)
        for trace, event in ((comparison.pairing.first, first), (comparison.pairing.second, second))
    ]
    length = min(map(len, rows))
    longest = max(len(first.part_digests()), len(second.part_digests()))
    return length >= longest and rows[0][:longest] == rows[1][:longest]


def _rows(trace: Trace, series: Series, first: int, last: int) -> list[bytes]:
    return [row for event in trace.of(series, first, last) for row in event.part_digests()]
