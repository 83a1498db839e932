"""A finding is a code, a message and a place, and perhaps the edits that cure it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Edit", "Finding", "Fix", "Range"]


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """A stretch of text.

    Attributes:
        line: the first line, from 1; in a notebook from the top of the cell.
        column: the first character in it, from 1.
        end_line: the last line.
        end_column: the character after the last one, from 1.
        cell: the number of the notebook's cell among all its cells, from 1; 0 outside of notebooks.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    cell: int = 0


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of text and what is to stand there; an empty stretch inserts, an empty text removes."""

    range: Range
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A cure.

    Attributes:
        edits: what is changed; all of it or nothing.
        safe: whether it does what was meant in every case, so that `--fix` may apply it unasked.
        summary: what it does, as an order: "call torch.cuda.manual_seed_all".
    """

    edits: tuple[Edit, ...]
    safe: bool
    summary: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has to say about a place.

    Attributes:
        code: the rule's.
        message: what was found, in one sentence without a full stop.
        range: where.
        fix: a cure, where there is a local one.
        pedantic: whether it is said only under `--pedantic`, because it may well be meant.
    """

    code: str
    message: str
    range: Range
    fix: Fix | None = None
    pedantic: bool = False

    @property
    def message_in_cell(self) -> str:
        """The message; in a notebook after the cell and line, for what shows lines of the JSON alone."""
        place = self.range
        return f"cell {place.cell}, line {place.line}: {self.message}" if place.cell else self.message
