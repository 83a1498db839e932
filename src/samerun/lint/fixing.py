"""Cures are applied to the text, and only those after which the file can still be read."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from samerun.lint import source
from samerun.lint.check import Linter
from samerun.lint.file import File
from samerun.lint.finding import Edit, Finding
from samerun.lint.project import Project
from samerun.lint.report import Report
from samerun.lint.source import UnreadableError

__all__ = ["Fixed", "difference", "fix", "write"]

# A cure may bring another finding, which may have a cure; rules that undo each other must come to an end.
_MOST_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Fixed:
    """What became of a file.

    Attributes:
        report: what there still is to say of it.
        before: its bytes as they were.
        after: its bytes with the cures.
        applied: the findings that were cured.
        dropped: those whose cure would have left a file that cannot be read, so it was left out.
    """

    report: Report
    before: bytes
    after: bytes
    applied: tuple[Finding, ...]
    dropped: tuple[Finding, ...]


def fix(report: Report, linter: Linter, *, unsafe: bool = False) -> Fixed:
    """Apply cures until there is none left, in memory.

    Args:
        report: what was found.
        linter: what looks again after each round.
        unsafe: whether to apply cures that may change what is meant.
    """
    before, applied, dropped = report.data, [], list[Finding]()
    for _ in range(_MOST_ROUNDS):
        if report.file is None:
            break
        wanted = [found for found in report.findings if found.fix is not None and (unsafe or found.fix.safe)]
        data, done, left = _round(report, [found for found in wanted if found not in dropped])
        dropped += left
        if not done:
            break
        applied += done
        report = linter.bytes(data, report.path)
    return Fixed(report, before, report.data, tuple(applied), tuple(dropped))


def _round(report: Report, findings: list[Finding]) -> tuple[bytes, list[Finding], list[Finding]]:
    """Return the bytes after the cures that do not touch each other; if these do no good together, one by one."""
    file = report.file
    assert file is not None
    together = _apart(findings)
    data = _applied(file, report.data, together)
    if data is not None:
        return data, together, []
    for finding in together:
        data = _applied(file, report.data, [finding])
        if data is not None:
            return data, [finding], []
    return report.data, [], together


def _apart(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings whose edits do not overlap those of one before."""
    taken: list[Edit] = []
    found = []
    for finding in findings:
        edits = finding.fix.edits if finding.fix is not None else ()
        if not any(_overlap(edit, other) for edit in edits for other in taken):
            taken += edits
            found.append(finding)
    return found


def _overlap(one: Edit, other: Edit) -> bool:
    first, second = one.range, other.range
    if first.cell != second.cell:
        return False
    if first == second:
        return True
    starts = (first.line, first.column), (second.line, second.column)
    ends = (first.end_line, first.end_column), (second.end_line, second.end_column)
    return starts[0] < ends[1] and starts[1] < ends[0]


def _applied(file: File, data: bytes, findings: list[Finding]) -> bytes | None:
    """Return the bytes with some cures; None if they cannot be read any more, or no cure can be applied."""
    edits: defaultdict[int, list[Edit]] = defaultdict(list)
    for finding in findings:
        for edit in finding.fix.edits if finding.fix is not None else ():
            edits[edit.range.cell].append(edit)
    try:
        changed = _notebook(file, data, edits) if file.notebook is not None else _text(file, data, edits[0])
        if changed == data:
            return None
        again = File.of(changed, file.path, Project())
    except (UnreadableError, UnicodeError):
        return None
    return None if _broken(again) > _broken(file) else changed


def _broken(file: File) -> int:
    return 0 if file.notebook is None else sum(cell.problem is not None for cell in file.notebook.cells)


def _text(file: File, data: bytes, edits: list[Edit]) -> bytes:
    text, encoding = source.decode(data, str(file.path))
    return source.encode(_edited(text, edits), encoding)


def _notebook(file: File, data: bytes, edits: dict[int, list[Edit]]) -> bytes:
    notebook = file.notebook
    assert notebook is not None
    sources = {}
    for number, those in edits.items():
        cell = notebook.cell(number)
        lines, code = source.split(cell.source), source.split(cell.code)
        # What stands in a line with a magic is not what the tree was made of.
        if any(lines[edit.range.line - 1] != code[edit.range.line - 1] for edit in those):
            return data
        sources[number] = _edited(cell.source, those)
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    return mark + notebook.written(sources).encode()


def _edited(text: str, edits: Iterable[Edit]) -> str:
    starts = source.starts(text)
    for edit in sorted(set(edits), key=lambda found: found.range, reverse=True):
        place = edit.range
        start = starts[place.line - 1] + place.column - 1
        end = starts[place.end_line - 1] + place.end_column - 1
        text = text[:start] + edit.text + text[end:]
    return text


def difference(fixed: Fixed) -> str:
    """Return what the cures change as a unified diff; of a notebook in its JSON."""
    path = fixed.report.path
    lines = difflib.unified_diff(_lines(fixed.before, path), _lines(fixed.after, path), str(path), str(path))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(data: bytes, path: Path) -> list[str]:
    text = data.decode() if path.suffix == ".ipynb" else source.decode(data, str(path))[0]
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def write(fixed: Fixed) -> None:
    """Put the file on the disk in the place of the one before, whole or not at all."""
    path = Path(os.path.realpath(fixed.report.path))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(fixed.after)
        shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
