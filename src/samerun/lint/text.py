"""The text of a file: where nodes stand in it, and what edits change it."""

from __future__ import annotations

import ast
from functools import cached_property

from samerun.lint import source, syntax
from samerun.lint.finding import Edit, Range
from samerun.lint.notebook import Notebook

__all__ = ["Text"]


class Text:
    """A Python text, or that of all code cells of a notebook.

    Attributes:
        text: the whole of it; magics of a notebook are made harmless.
        lines: its lines without their ends.
        notebook: the cells, if it is a notebook.
    """

    def __init__(self, text: str, notebook: Notebook | None = None) -> None:
        self.text = text
        self.lines = source.split(text)
        self.notebook = notebook

    @cached_property
    def _starts(self) -> list[int]:
        """Where each line begins in the text."""
        return source.starts(self.text)

    def range(self, node: ast.AST) -> Range:
        """Return where a node stands; of a function, class or loop the first line only."""
        begin, end = syntax.begin(node), syntax.end(node)
        line = begin[0]
        if isinstance(node, ast.stmt) and hasattr(node, "body") and end[0] != line:
            end = line, len(self.lines[line - 1].encode())
        return self._stretch(begin, end)

    def place(self, where: Range) -> Range:
        """Return a stretch of the text as one of the cell that it lies in; in a file it is the same."""
        return where if self.notebook is None else self.notebook.place(where)

    def where(self, node: ast.AST) -> str:
        """Return where a node stands, in words for messages: ``line 3``, or ``line 3 of cell 2``."""
        place = self.range(node)
        return f"line {place.line} of cell {place.cell}" if place.cell else f"line {place.line}"

    def text_line(self, where: Range) -> int:
        """Return the line of the whole text that a stretch begins in."""
        before = self.notebook.cell(where.cell).first - 1 if self.notebook is not None and where.cell else 0
        return before + where.line

    def line(self, where: Range) -> str:
        """Return the first line of a stretch, as it stands in the file."""
        lines = self.lines if self.notebook is None else self.notebook.lines_of(where.cell)
        return lines[where.line - 1] if 0 < where.line <= len(lines) else ""

    def segment(self, node: ast.AST) -> str:
        """Return the text of a node."""
        # ast.get_source_segment parts the whole text into lines each time that it is asked.
        (line, start), (end, stop) = syntax.begin(node), syntax.end(node)
        begin = self._starts[line - 1] + self._column(line, start) - 1
        return self.text[begin : self._starts[end - 1] + self._column(end, stop) - 1]

    def replace(self, node: ast.AST, text: str) -> Edit:
        """Return the edit that puts a text in the place of a node."""
        return Edit(self._stretch(syntax.begin(node), syntax.end(node)), text)

    def insert(self, node: ast.AST, text: str, after: bool = True) -> Edit:
        """Return the edit that puts a text directly after, or before, a node."""
        whole = self.replace(node, "").range
        line, column = (whole.end_line, whole.end_column) if after else (whole.line, whole.column)
        return Edit(Range(line, column, line, column, whole.cell), text)

    def add_argument(self, call: ast.Call, text: str) -> Edit:
        """Return the edit that adds an argument at the end of a call, whether or not a comma is there."""
        given: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        if given:
            return self.insert(max(given, key=syntax.end), f", {text}")
        whole = self.replace(call, "").range
        line, column = whole.end_line, whole.end_column - 1
        return Edit(Range(line, column, line, column, whole.cell), text)

    def line_after(self, statement: ast.stmt, text: str) -> Edit | None:
        """Return the edit that adds a statement in a line of its own after one; None if that one shares its line."""
        whole = self.replace(statement, "").range
        first = self.line(whole)
        indent = first[: whole.column - 1]
        last = self.line(Range(whole.end_line, 1, whole.end_line, 1, whole.cell))
        rest = last[whole.end_column - 1 :].strip()
        if indent.strip() or (rest and not rest.startswith("#")):
            return None
        column = len(last) + 1
        end = "\r\n" if "\r\n" in self.text else "\n"
        return Edit(Range(whole.end_line, column, whole.end_line, column, whole.cell), f"{end}{indent}{text}")

    def _stretch(self, begin: tuple[int, int], end: tuple[int, int]) -> Range:
        """Return what lies between two places, lines from 1 and bytes in them from 0, as one of its cell."""
        return self.place(Range(begin[0], self._column(*begin), end[0], self._column(*end)))

    def _column(self, line: int, offset: int) -> int:
        """Return the column, in characters from 1, of an offset in bytes."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return offset + 1 if text.isascii() else len(text.encode()[:offset].decode(errors="ignore")) + 1
