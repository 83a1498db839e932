"""Findings as text: place, code and message, and below the line with a caret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from samerun.lint.check import Report
from samerun.lint.finding import Finding
from samerun.lint.formats import Format

__all__ = ["FORMAT", "place", "write"]

_WIDEST = 160


def write(reports: Sequence[Report]) -> str:
    """Return the findings, each with its line, and a line that counts them."""
    lines = [line for report in reports for finding in report.findings for line in _finding(report, finding)]
    return "".join(f"{line}\n" for line in (*lines, _count(reports)))


def place(report: Report, finding: Finding) -> str:
    """Return where a finding is, as editors and terminals read it."""
    cell = f":cell {finding.range.cell}" if finding.range.cell else ""
    return f"{report.path}{cell}:{finding.range.line}:{finding.range.column}"


def _finding(report: Report, finding: Finding) -> Iterator[str]:
    yield f"{place(report, finding)}: {finding.code} {finding.message}"
    line = report.file.line(finding.range) if report.file is not None else ""
    if line and len(line) <= _WIDEST:
        start, end = finding.range.column - 1, finding.range.end_column - 1
        width = (end if finding.range.end_line == finding.range.line else len(line)) - start
        # Tabs stay tabs, so that the caret stands below what it means.
        indent = "".join("\t" if character == "\t" else " " for character in line[:start])
        number = str(finding.range.line)
        yield f"{' ' * len(number)} |"
        yield f"{number} | {line}"
        yield f"{' ' * len(number)} | {indent}{'^' * max(width, 1)}"
    if finding.fix is not None:
        yield f"  = {'--fix' if finding.fix.safe else '--fix --unsafe-fixes'}: {finding.fix.summary}"
    yield ""


def _count(reports: Sequence[Report]) -> str:
    found = sum(len(report.findings) for report in reports)
    files = f"{len(reports)} file{'s' if len(reports) != 1 else ''}"
    return f"{found} finding{'s' if found != 1 else ''} in {files}" if found else f"nothing found in {files}"


FORMAT = Format("text", write)
