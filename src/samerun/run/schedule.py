"""When a run saves, and when its time is up."""

from __future__ import annotations

import re
from time import monotonic
from typing import Literal, TypeAlias

__all__ = ["SaveEvery", "Schedule", "seconds"]

#: A number of steps, a time such as ``"5min"``, ``"epoch"``, or ``None`` for only when asked and at the end.
SaveEvery: TypeAlias = "int | str | None"

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")


def seconds(text: str) -> float:
    """Return the seconds of a time such as ``"90s"``, ``"5min"``, ``"11.5h"`` or ``"2d"``.

    Raises:
        ValueError: for another form.

    >>> seconds("1.5h")
    5400.0
    """
    found = _TIME.fullmatch(text.strip())
    if found is None or float(found[1]) <= 0:
        raise ValueError(f"a time is a positive number with s, min, h or d, such as '5min', not {text!r}")
    return float(found[1]) * _UNITS[found[2]]


class Schedule:
    """Says at each boundary whether to save, and whether to stop.

    Args:
        every: see :data:`SaveEvery`.
        accumulate: steps that make one optimizer step; only after the last of them anything is saved by itself.
        max_time: a time such as ``"11h"`` from now on.
    """

    def __init__(self, every: SaveEvery, accumulate: int, max_time: str | None = None) -> None:
        if accumulate < 1:
            raise ValueError(f"accumulate must be 1 or more, not {accumulate}")
        if isinstance(every, bool) or (isinstance(every, int) and every < 1):
            raise ValueError(f"save_every must be 1 or more steps, a time, 'epoch' or None, not {every!r}")
        self._steps = every if isinstance(every, int) else None
        self._at_epochs = every == "epoch"
        self._period = seconds(every) if isinstance(every, str) and every != "epoch" else None
        self._accumulate = accumulate
        self._last = monotonic()
        self._saved = 0
        self._owed = False
        self._deadline = None if max_time is None else self._last + seconds(max_time)

    def late(self) -> bool:
        """Return whether the time is up."""
        return self._deadline is not None and monotonic() >= self._deadline

    def whole(self, step: int) -> bool:
        """Return whether that many steps make whole optimizer steps."""
        return step % self._accumulate == 0

    def due(self, step: int, kind: Literal["step", "epoch"]) -> bool:
        """Return whether to save after that many steps, behind a step or behind an epoch's body.

        What was due at a place that was no boundary, as behind a ``break``, or amid an optimizer step, is due at the
        next that is one.
        """
        self._owed |= self._at_epochs and kind == "epoch"
        if not self.whole(step):
            return False
        if self._period is not None:
            return monotonic() - self._last >= self._period
        if self._steps is not None:
            return step // self._steps > self._saved // self._steps
        return self._owed

    def saved(self, step: int) -> None:
        """Note that there is a checkpoint of that step."""
        self._last, self._saved, self._owed = monotonic(), step, False
