"""What each function and module does, found once, and the same whichever is asked for first."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samerun.lint.flow import Event

__all__ = ["Once"]

Events = tuple["Event", ...]


class Once:
    """Timelines by function, or tree, where one may need others and itself.

    What a function does by calling itself, over others or not, it has done before. What is found of those others in
    the meantime lacks it, so it only holds as long as that function is under way, and is found anew when they are
    asked for themselves; and then without what is known of the first one, which lacks them in turn.
    """

    def __init__(self) -> None:
        # With those that call it and that it calls.
        self._known: dict[ast.AST, tuple[Events, frozenset[ast.AST]]] = {}
        self._under_way: dict[ast.AST, _UnderWay] = {}
        # With the place of the lowest one under way that is lacking.
        self._passing: dict[ast.AST, tuple[Events, int]] = {}

    def get(self, node: ast.AST, find: Callable[[], Events]) -> Events:
        """Return what a function does, found now if it is not known.

        Args:
            node: the function, or the tree of a module.
            find: finds it; it may come back here for others, and for the same.
        """
        if node in self._known:
            events, circle = self._known[node]
            if circle.isdisjoint(self._under_way):
                return events
        if node in self._under_way:
            return self._lacking((), self._under_way[node].place)
        if node in self._passing:
            return self._lacking(*self._passing[node])
        place = len(self._under_way)
        this = self._under_way[node] = _UnderWay(place, place, {node})
        try:
            events = find()
        finally:
            del self._under_way[node]
            # What lacks this one is not to be had any more.
            self._passing = {other: found for other, found in self._passing.items() if found[1] < place}
        if this.lowest < place:
            self._passing[node] = events, this.lowest
            self._last.circle.update(this.circle)
            return self._lacking(events, this.lowest)
        self._known[node] = events, frozenset(this.circle if len(this.circle) > 1 else ())
        return events

    def _lacking(self, events: Events, place: int) -> Events:
        """Return events that lack those of one that is under way, and note that for the one that takes them."""
        self._last.lowest = min(self._last.lowest, place)
        return events

    @property
    def _last(self) -> _UnderWay:
        return next(reversed(self._under_way.values()))


@dataclass(slots=True)
class _UnderWay:
    """A function whose events are being found.

    Attributes:
        place: how many are under way below it.
        lowest: the place of the lowest one that its events lack.
        circle: those that lack it, or one below it, and so belong to the same circle.
    """

    place: int
    lowest: int
    circle: set[ast.AST]
