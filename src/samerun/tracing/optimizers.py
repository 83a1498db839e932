"""The optimizers of a run: which there are, by what name, and whose step is being taken."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import FrameType
from typing import Any

from torch.optim import Optimizer

from samerun.tracing.away import Away
from samerun.tracing.owners import Alive
from samerun.tracing.training import Training

__all__ = ["Optimizers"]


class Optimizers:
    """Numbers optimizers in the order in which they are introduced, without keeping them alive.

    Args:
        away: where the tensors of devices are held.
    """

    def __init__(self, away: Away) -> None:
        self._away = away
        self._trainings: weakref.WeakKeyDictionary[Optimizer, tuple[str, Training]] = weakref.WeakKeyDictionary()
        self._made: list[tuple[weakref.ref[Optimizer], dict[str, Any]]] = []
        self._numbered = 0
        self._running: list[tuple[Optimizer, FrameType]] = []

    def made(self, optimizer: Optimizer, place: dict[str, Any]) -> None:
        """Keep the line that made one."""
        self._made.append((weakref.ref(optimizer), place))

    @property
    def are_new(self) -> bool:
        """Whether some were made since :meth:`new`."""
        return bool(self._made)

    def new(self) -> Iterator[tuple[Optimizer, dict[str, Any]]]:
        """Yield those that were made since and are not introduced, with the lines that made them."""
        made, self._made = self._made, []
        for reference, place in made:
            if (optimizer := reference()) is not None and optimizer not in self._trainings:
                yield optimizer, place

    def known(self, optimizer: Optimizer) -> tuple[str, Training] | None:
        """Return the name of one and what it trains; ``None`` if it is not introduced, or has other parameters now."""
        found = self._trainings.get(optimizer)
        return found if found is not None and found[1].is_current(optimizer) else None

    def introduced(self) -> list[tuple[Optimizer, str, Training]]:
        """Return those that are introduced and still there, with their names and what they train."""
        return [(optimizer, *found) for optimizer, found in self._trainings.items()]

    def introduce(self, optimizer: Optimizer, alive: Alive) -> tuple[str, Training]:
        """Find out what one trains, and give it a name if it has none."""
        known = self._trainings.get(optimizer)
        name = known[0] if known is not None else str(self._numbered)
        self._numbered += known is None
        self._trainings[optimizer] = name, Training(optimizer, alive, self._away)
        return self._trainings[optimizer]

    def begins(self, optimizer: Optimizer, frame: FrameType) -> bool:
        """Be told that one begins its step in a frame; return whether this is no part of the step of another."""
        if self._is_inside_another(frame):
            return False
        self._running.append((optimizer, frame))
        return True

    def ended(self, optimizer: Optimizer) -> bool:
        """Be told that one has taken its step; return whether it was one whose beginning counted."""
        if not self._running or self._running[-1][0] is not optimizer:
            return False
        self._running.pop()
        return True

    def _is_inside_another(self, frame: FrameType) -> bool:
        # A step that ended with an exception has not said so.
        while self._running:
            outer = self._running[-1][1]
            caller = frame.f_back
            while caller is not None:
                if caller is outer:
                    return True
                caller = caller.f_back
            self._running.pop()
        return False
