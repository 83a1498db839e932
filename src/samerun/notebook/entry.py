"""An entry of the journal: what one executed cell did to the generators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from samerun.notebook.draws import Span
from samerun.notebook.streams import Position

__all__ = ["Entry", "title"]


@dataclass(frozen=True, eq=False)
class Entry:
    """One executed cell.

    Attributes:
        number: its place in the journal, from 1, also over restarts of the kernel.
        kernel: which start of the kernel it belongs to, from 1.
        count: the number that the notebook shows, ``In[count]``; ``None`` for a cell that leaves no history.
        code: the source of the cell.
        outside: the notebook's own states before and after.
        blocks: what was drawn in streams and isolated blocks.
        positions: where every stream was before.
        note: what else happened to the states, such as a rewind.
    """

    number: int
    kernel: int
    count: int | None
    code: str
    outside: Span
    blocks: tuple[Span, ...] = ()
    positions: Mapping[str, Position] = field(default_factory=dict)
    note: str = ""

    @property
    def name(self) -> str:
        """``In[12]``, or ``#34`` where the notebook shows no number."""
        return f"#{self.number}" if self.count is None else f"In[{self.count}]"

    @property
    def title(self) -> str:
        """The first line of code that says something."""
        return title(self.code)


def title(code: str) -> str:
    """Return the first line of a cell that is no comment and no cell magic, if there is one."""
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith(("#", "%%"))), lines[0] if lines else "")
