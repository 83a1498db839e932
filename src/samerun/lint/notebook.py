"""The code cells of a notebook as one Python text, and the way back into the JSON, of which nothing else changes."""

from __future__ import annotations

import ast
import json
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from samerun.lint import source
from samerun.lint.finding import Range
from samerun.lint.source import UnreadableError

__all__ = ["Cell", "Notebook"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell.

    Attributes:
        number: its place among all cells, from 1.
        source: its text as it stands in the notebook.
        code: the same with magics made harmless; the same number of lines.
        first: the line of the whole text that it begins in, from 1.
        execution_count: when it was run, or None, also for an empty one: Colab gives it the number of the one above.
        outputs: what it showed.
        tags: its tags.
        problem: why it cannot be read, and then its code is empty lines.
    """

    number: int
    source: str
    code: str
    first: int
    execution_count: int | None
    outputs: list[Any]
    tags: tuple[str, ...]
    problem: UnreadableError | None = None


class Notebook:
    """A notebook of nbformat 2 to 4.

    Attributes:
        cells: the code cells in order.
        text: their code as one Python text.

    Raises:
        UnreadableError: if it is no notebook, or one in another language.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self._raw = _decoded(data, where)
        try:
            content = json.loads(self._raw)
        except (ValueError, RecursionError) as error:
            raise UnreadableError(where, f"is no notebook that can be read: {error}") from error
        self.cells: list[Cell] = []
        line = 1
        for number, cell in enumerate(_cells(content, where), 1):
            if not isinstance(cell, dict) or cell.get("cell_type") != "code":
                continue
            found = _cell(cell, number, line, where)
            self.cells.append(found)
            line += found.code.count("\n") + 1
        self.text = "\n".join(cell.code for cell in self.cells)
        self._first = [cell.first for cell in self.cells]
        self._by_number = {cell.number: cell for cell in self.cells}

    def cell_at(self, line: int) -> Cell:
        """Return the cell that a line of the whole text is in."""
        return self.cells[max(bisect_right(self._first, line) - 1, 0)]

    def place(self, range: Range) -> Range:  # noqa: A002 - it is one
        """Return a stretch of the whole text as one of its cell."""
        if not self.cells:
            return range
        cell = self.cell_at(range.line)
        before = cell.first - 1
        return Range(range.line - before, range.column, range.end_line - before, range.end_column, cell.number)

    def head(self, cell: Cell) -> Range:
        """Return the first line of a cell that is not empty: the place of what is said of the whole cell."""
        lines = cell.source.split("\n")
        first = next((number for number, line in enumerate(lines, 1) if line.strip()), 1)
        return Range(first, 1, first, len(lines[first - 1].rstrip("\r")) + 1, cell.number)

    def lines_of(self, number: int) -> list[str]:
        """Return the lines of a cell as they stand in the notebook."""
        cell = self._by_number.get(number)
        return source.split(cell.source) if cell is not None else []

    def cell(self, number: int) -> Cell:
        """Return a code cell by its number."""
        return self._by_number[number]

    def line_in_file(self, number: int, line: int) -> int:
        """Return the line of the JSON in which a line of a cell stands; both lines are from 1."""
        start, _ = self._places[number]
        if self._raw[start] == "[":
            begins = 1
            for _, first, end in _members(self._raw, start):
                if begins > line:
                    break
                start = first
                begins += len(source.split(str(json.loads(self._raw[first:end])))) - 1
        return self._raw.count("\n", 0, start) + 1

    @cached_property
    def _places(self) -> dict[int, tuple[int, int]]:
        return dict(_spans(self._raw))

    def written(self, sources: Mapping[int, str]) -> str:
        """Return the notebook with other sources for some cells; every other character stays what it is."""
        parts, done = [], 0
        for number, (start, end) in self._places.items():
            if number in sources:
                parts += [self._raw[done:start], _dumped(sources[number], self._raw[start:end])]
                done = end
        return "".join([*parts, self._raw[done:]])


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8")
    except UnicodeError as error:
        raise UnreadableError(where, f"cannot be read: {error}") from error


def _cells(content: object, where: str) -> list[Any]:
    """Return all cells: from format 4 they are the notebook's, before they were on its worksheets."""
    if isinstance(content, dict):
        metadata = content.get("metadata")
        language = metadata.get("kernelspec") if isinstance(metadata, dict) else None
        if isinstance(language, dict) and str(language.get("language", "python")).lower() not in ("python", "python3"):
            return []  # another language's, which is nothing wrong
        cells = content.get("cells")
        if cells is None and isinstance(content.get("worksheets"), list):
            cells = [cell for sheet in content["worksheets"] if isinstance(sheet, dict) for cell in _list(sheet)]
        if isinstance(cells, list):
            return cells
    raise UnreadableError(where, "is no notebook: it has no cells")


def _list(sheet: dict[str, Any]) -> list[Any]:
    cells = sheet.get("cells")
    return cells if isinstance(cells, list) else []


def _cell(cell: dict[str, Any], number: int, line: int, where: str) -> Cell:
    text = cell.get("source", cell.get("input", ""))
    text = "".join(str(part) for part in text) if isinstance(text, list) else str(text)
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    count = cell.get("execution_count", cell.get("prompt_number"))
    outputs = cell.get("outputs")
    counts = isinstance(count, int) and count > 0 and bool(text.strip())  # kernels count from 1
    code, problem = _harmless(text, f"{where}: cell {number}")
    return Cell(
        number,
        text,
        code,
        line,
        count if counts else None,
        outputs if isinstance(outputs, list) else [],
        tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        problem,
    )


# Magics

# What follows these in the line, or in the cell, is Python.
_PYTHON = "time timeit prun memit mprun lprun capture isolate stream debug heat scalene mypy".split()
_CELL = re.compile(r"\s*%%(\w+)")
_LINE = re.compile(r"([ \t]*)(?:%(\w*)|!|\?)(.*)", re.DOTALL)
_HELP = re.compile(r"([ \t]*)[\w.\[\]*'\"]+\?{1,2}[ \t]*(#.*)?")
_ASSIGNED = re.compile(r"([ \t]*[\w.,\[\]'\" \t]+?=[ \t]*)[%!](?![=])")


def _harmless(text: str, where: str) -> tuple[str, UnreadableError | None]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _parses(text):
        return text, None
    lines = text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip() and not line.strip().startswith("#")), 0)
    magic = _CELL.match(lines[first])
    if magic is not None:
        if magic[1] not in _PYTHON:
            return "\n" * (len(lines) - 1), None
        lines[first] = "pass"
    changed = "\n".join(_without_magics(lines))
    try:
        source.parse(changed, where)
    except UnreadableError as problem:
        return "\n" * (len(lines) - 1), problem
    return changed, None


def _parses(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _without_magics(lines: list[str]) -> Iterator[str]:
    goes_on, indent = False, ""
    for line in lines:
        if goes_on:  # what a shell command or a magic continues on the next line
            goes_on = line.endswith("\\")
            yield f"{indent}pass"
            continue
        magic, assigned, asked = _LINE.match(line), _ASSIGNED.match(line), _HELP.fullmatch(line)
        if magic is not None:
            indent = magic[1]
            python = magic[2] in ("time", "timeit") and _statement(magic[3])
            goes_on = line.endswith("\\") and not python
            yield f"{indent}{python or 'pass'}"
        elif assigned is not None:
            indent = line[: len(line) - len(line.lstrip(" \t"))]
            goes_on = line.endswith("\\")
            yield f"{assigned[1]}..."
        elif asked is not None:
            yield f"{asked[1]}pass"
        else:
            yield line


def _statement(text: str) -> str:
    """Return the statement that is timed, in its columns if it can stand after another one."""
    text = re.sub(r"^(\s+-\w+(\s+\d+)?)+", lambda options: " " * len(options[0]), text)
    for name in ("pass;", ""):
        changed = name + text if name else text.strip()
        if _parses(changed):
            return changed
    return ""


# JSON, in place

_SCALAR = re.compile(r"[^\s,\]}]+")


def _next(text: str, position: int) -> int:
    """Return where the white space at a position ends."""
    while text[position] in " \t\r\n":
        position += 1
    return position


def _skip(text: str, position: int) -> int:
    """Return where a value ends that begins at a position. The text was parsed before, so it is well formed."""
    depth = 0
    while True:
        character = text[position]
        if character == '"':
            position = scanstring(text, position + 1, False)[1]
        elif character in "[{":
            depth, position = depth + 1, position + 1
        elif character in "]}":
            depth, position = depth - 1, position + 1
        elif character in ",:" or character.isspace():
            position += 1
        else:
            scalar = _SCALAR.match(text, position)
            assert scalar is not None
            position = scalar.end()
        if depth == 0 and character not in ",:" and not character.isspace():
            return position


def _members(text: str, position: int) -> Iterator[tuple[str, int, int]]:
    """Yield key, start and end of the values of an object, or of a list, whose keys are empty."""
    is_object = text[position] == "{"
    position = _next(text, position + 1)
    while text[position] not in "]}":
        key = ""
        if is_object:
            key, position = scanstring(text, position + 1, False)
            position = _next(text, text.index(":", position) + 1)
        end = _skip(text, position)
        yield key, position, end
        position = _next(text, end)
        if text[position] == ",":
            position = _next(text, position + 1)


def _spans(text: str) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the number of each cell and where the value of its source stands."""
    number = 0
    for lists in _lists_of_cells(text, text.index("{")):
        for _, start, _ in _members(text, lists):
            number += 1
            if text[start] == "{":
                values = {key: (begin, end) for key, begin, end in _members(text, start)}
                span = values.get("source", values.get("input"))
                if span is not None:
                    yield number, span


def _lists_of_cells(text: str, position: int) -> Iterator[int]:
    members = {key: start for key, start, _ in _members(text, position)}
    cells, sheets = members.get("cells"), members.get("worksheets")
    if cells is not None and text[cells] == "[":
        yield cells
    elif sheets is not None and text[sheets] == "[":
        for _, sheet, _ in _members(text, sheets):
            if text[sheet] == "{":
                found = [start for key, start, _ in _members(text, sheet) if key == "cells"]
                yield from (start for start in found if text[start] == "[")


def _dumped(value: str, old: str) -> str:
    """Return a source as JSON in the style of the old one: text or lists of lines, its indentation and escapes."""
    plain = old.isascii() and "\\u" in old
    if not old.startswith("["):
        return json.dumps(value, ensure_ascii=plain)
    space = old[1 : _next(old, 1)]
    end = old[len(old[:-1].rstrip()) : -1]
    spans = [(start, stop) for _, start, stop in _members(old, 0)]
    kept = {json.loads(old[start:stop]): old[start:stop] for start, stop in spans}
    lines = value.splitlines(keepends=True) if "\r" in value else re.findall(r"[^\n]*\n|[^\n]+", value)
    separator = f",{space}" if "\n" in space else ", "
    if len(spans) > 1:
        separator = old[spans[0][1] : spans[1][0]]
    dumped = separator.join(kept.get(line) or json.dumps(line, ensure_ascii=plain) for line in lines)
    return f"[{space}{dumped}{end}]"
