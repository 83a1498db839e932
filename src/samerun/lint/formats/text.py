"""Findings as text: place, code and message, and below the line with a caret."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from samerun.lint.finding import Finding
from samerun.lint.formats import Format
from samerun.lint.report import Report

__all__ = ["FORMAT", "place", "write"]

_WIDEST = 160


def write(reports: Sequence[Report]) -> str:
    """Return the findings, each with its line, and a line that counts them."""
    lines = [line for report in reports for finding in report.findings for line in _finding(report, finding)]
    return "".join(f"{line}\n" for line in (*lines, _count(reports)))


def place(report: Report, finding: Finding) -> str:
    """Return where a finding is, as editors and terminals read it."""
    cell = f":cell {finding.range.cell}" if finding.range.cell else ""
    return f"{_shown(str(report.path))}{cell}:{finding.range.line}:{finding.range.column}"


def _finding(report: Report, finding: Finding) -> Iterator[str]:
    yield f"{place(report, finding)}: {finding.code} {_shown(finding.message)}"
    line = _shown(report.line(finding.range))
    if line and len(line) <= _WIDEST:
        start = finding.range.column - 1
        end = finding.range.end_column - 1 if finding.range.end_line == finding.range.line else len(line)
        # Tabs stay tabs, so that the caret stands below what it means.
        indent = "".join("\t" if character == "\t" else " " * _width(character) for character in line[:start])
        number = str(finding.range.line)
        yield f"{' ' * len(number)} |"
        yield f"{number} | {line}"
        yield f"{' ' * len(number)} | {indent}{'^' * max(sum(map(_width, line[start:end])), 1)}"
    if finding.fix is not None:
        yield f"  = {'--fix' if finding.fix.safe else '--fix --unsafe-fixes'}: {_shown(finding.fix.summary)}"
    yield ""


def _shown(text: str) -> str:
    """Return a text with nothing in it that a terminal would obey, character by character."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in ("Cc", "Cf") and one != "\t" else one
        for one in text
    )


def _width(character: str) -> int:
    """Return how many columns a terminal gives a character."""
    if character.isascii():
        return 1
    return 0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")


def _count(reports: Sequence[Report]) -> str:
    found = sum(len(report.findings) for report in reports)
    files = f"{len(reports)} file{'s' if len(reports) != 1 else ''}"
    return f"{found} finding{'s' if found != 1 else ''} in {files}" if found else f"nothing found in {files}"


FORMAT = Format("text", write)
