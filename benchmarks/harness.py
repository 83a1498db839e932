"""Two things measured side by side: alternating samples in one process, and the ratio of each pair.

A ratio of two neighbouring samples hardly feels a machine that slows down for a while, a ratio of two means does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from timeit import Timer
from typing import Literal, TypeAlias

__all__ = ["Comparison", "Loop", "Result", "Round", "Sampler", "Target", "measure"]

#: Measures once and returns the seconds that one unit of work took.
Sampler: TypeAlias = Callable[[], float]

# Seconds. Below this, the clock and the scheduler show in a sample.
_SHORTEST_SAMPLE = 0.02


class Loop:
    """A sampler that calls a function until 20 ms have gone by, with garbage collection off.

    Args:
        call: what is measured.
        units: how many units of work one call does.
    """

    def __init__(self, call: Callable[[], object], units: int = 1) -> None:
        self._timer = Timer(call)
        self._units = units
        self._calls = 1

    def __call__(self) -> float:
        while (seconds := self._timer.timeit(self._calls)) < _SHORTEST_SAMPLE:
            self._calls *= 2
        return seconds / (self._calls * self._units)


@dataclass(frozen=True, slots=True)
class Round:
    """One sample of either side, taken one right after the other."""

    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How many times as long ours took."""
        return self.ours / self.theirs


@dataclass(frozen=True, slots=True)
class Target:
    """An upper limit on the median over the rounds: of ``ratio``, of ``ours``, or of ``added``, ours - theirs."""

    figure: Literal["ratio", "ours", "added"]
    limit: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row before it is measured: what, against what, and how to take a sample of either.

    Attributes:
        what: ours, in words or as code.
        against: what a user would pick instead.
        ours: takes a sample.
        theirs: takes a sample of the same amount of work.
        target: what the median should stay below; ``None`` where the figure is for information.
        rounds: how many pairs of samples are taken.
        unit: of the samples, ``"s"`` or ``"MB"``.
    """

    what: str
    against: str
    ours: Sampler
    theirs: Sampler
    target: Target | None = None
    rounds: int = 50
    unit: str = "s"


@dataclass(frozen=True, slots=True)
class Result:
    """A row after it is measured."""

    comparison: Comparison
    rounds: tuple[Round, ...]

    @property
    def ours(self) -> float:
        """What one unit of ours took, the median."""
        return median(found.ours for found in self.rounds)

    @property
    def theirs(self) -> float:
        """What one unit of theirs took, the median."""
        return median(found.theirs for found in self.rounds)

    @property
    def added(self) -> float:
        """By how much ours took more, the median of the rounds."""
        return median(found.ours - found.theirs for found in self.rounds)

    @property
    def ratio(self) -> float:
        """The median of the ratios of the rounds, which is not the ratio of the medians."""
        return median(found.ratio for found in self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The 10th and the 90th percentile of the ratios."""
        deciles = quantiles((found.ratio for found in self.rounds), n=10, method="inclusive")
        return deciles[0], deciles[-1]

    @property
    def ok(self) -> bool | None:
        """Whether the target is met; ``None`` where there is none."""
        target = self.comparison.target
        if target is None:
            return None
        return {"ratio": self.ratio, "ours": self.ours, "added": self.added}[target.figure] <= target.limit


def measure(comparison: Comparison, rounds: int, advance: Callable[[], object]) -> Result:
    """Take ``rounds`` pairs of samples, after one that warms up; ``advance`` is called after each pair."""
    _pair(comparison, ours_first=True)
    found = []
    for number in range(rounds):
        found.append(_pair(comparison, ours_first=number % 2 == 0))
        advance()
    return Result(comparison, tuple(found))


def _pair(comparison: Comparison, *, ours_first: bool) -> Round:
    # Whoever goes second finds warmer caches or a hotter processor, so the order changes every round.
    if ours_first:
        ours = comparison.ours()
        return Round(ours, comparison.theirs())
    theirs = comparison.theirs()
    return Round(comparison.ours(), theirs)
