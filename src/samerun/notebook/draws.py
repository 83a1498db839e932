"""What lies between two kept states: which sources moved, and by how many draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from samerun.notebook.states import State, changed
from samerun.rng.compare import DRAWS_BOUND, SourceDiff, compare

__all__ = ["Draw", "Span", "count"]


@dataclass(frozen=True, slots=True)
class Draw:
    """How one source moved.

    Attributes:
        source: its name.
        how: ``"drew"``, ``"set"`` (seeded, restored or moved back: no draws lead from one state to the other) or
            ``"new"`` (it came into being).
        count: of draws as :class:`~samerun.rng.SourceDiff` counts them; ``None`` where it is not known, as for PCG64.
    """

    source: str
    how: Literal["drew", "set", "new"]
    count: int | None = None

    def __str__(self) -> str:
        amount = {"set": "set anew", "new": "new"}.get(self.how) or ("?" if self.count is None else f"{self.count:,}")
        return f"{self.source} {amount}"


class Span:
    """A stretch of draws in one sequence: of the notebook's generators, of a stream, or of an isolated block.

    Attributes:
        label: the name of the stream; ``""`` for the notebook's own, ``"isolate"`` for an isolated block.
        before: the states at its beginning.
        after: the states at its end.
    """

    def __init__(self, label: str, before: State, after: State) -> None:
        self.label = label
        self.before = before
        self.after = after

    @cached_property
    def draws(self) -> tuple[Draw, ...]:
        """How each source moved; counted when it is first asked for, which takes 1.8 ns a draw."""
        return count(self.before, self.after)


def count(before: State, after: State) -> tuple[Draw, ...]:
    """Return how each source moved, in the order of ``after``."""
    new = [Draw(name, "new") for name in after if before and name not in before]
    moved = changed(before, after)
    first, second = ({name: state[name] for name in moved} for state in (before, after))
    return (*(_draw(diff) for diff in compare(first, second, DRAWS_BOUND).sources if not diff.same), *new)


def _draw(diff: SourceDiff) -> Draw:
    if diff.text == "differs":  # an algorithm whose draws are not counted
        return Draw(diff.name, "drew")
    if diff.draws is None or diff.draws < 0:
        return Draw(diff.name, "set")
    return Draw(diff.name, "drew", diff.draws)
