"""Which checkpoints to keep: the newest, every n-th, and the best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Keep"]


@dataclass(frozen=True, slots=True)
class Keep:
    """A rule for keeping checkpoints. The newest good one is always kept.

    Attributes:
        newest: how many of the newest to keep, from 1; ``None`` keeps all.
        every: keep also the steps that are multiples of this, from 1.
        best: keep also the one with the best value of this metric; of equal ones the first.
        mode: whether the smallest or the largest value is the best.

    Raises:
        ValueError: for a number out of range.

    >>> Keep(newest=2, every=100).doomed({100: {}, 130: {}, 140: {}, 150: {}})
    (130,)
    """

    newest: int | None = 3
    every: int | None = None
    best: str | None = None
    mode: Literal["min", "max"] = "min"

    def __post_init__(self) -> None:
        for name in ("newest", "every"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ValueError(f"{name} must be an integer from 1 or None, not {value!r}")
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', not {self.mode!r}")

    def doomed(self, metrics: Mapping[int, Mapping[str, float]]) -> tuple[int, ...]:
        """Return which steps to delete, in rising order.

        Args:
            metrics: the metrics by name of every *good* checkpoint, by step. One without the metric, or whose value
                is not a number, is not the best.
        """
        steps = sorted(metrics)
        if self.newest is None:
            return ()
        kept = {*steps[-self.newest :], *(step for step in steps if self.every and step % self.every == 0)}
        ranked = [(metrics[step][self.best], step) for step in steps if self.best and self.best in metrics[step]]
        sign = 1 if self.mode == "min" else -1
        ranked = [(sign * value, step) for value, step in ranked if not math.isnan(value)]
        if ranked:
            kept.add(min(ranked)[1])
        return tuple(step for step in steps if step not in kept)
