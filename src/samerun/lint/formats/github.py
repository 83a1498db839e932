"""Findings as annotations of a GitHub workflow, which shows them beside the code."""

from __future__ import annotations

from collections.abc import Sequence

from samerun.ci import Level, annotation
from samerun.lint.finding import Finding
from samerun.lint.formats import Format
from samerun.lint.report import UNREADABLE, Report

__all__ = ["FORMAT", "write"]


def write(reports: Sequence[Report]) -> str:
    """Return a line for each finding: an error for what cannot be read, a warning for the rest."""
    return "".join(f"{_line(report, finding)}\n" for report in reports for finding in report.findings)


def _line(report: Report, finding: Finding) -> str:
    level: Level = "error" if finding.code == UNREADABLE else "warning"
    place = finding.range
    title = f"samerun lint: {finding.code}"
    if place.cell:
        # The lines that GitHub shows are those of the JSON, and columns in it are nobody's concern.
        line = report.line_in_file(place)
        return annotation(level, finding.message_in_cell, title=title, file=report.path, line=line)
    where = {"line": place.line, "endLine": place.end_line}
    if place.line == place.end_line:
        where |= {"col": place.column, "endColumn": place.end_column}
    return annotation(level, finding.message, title=title, file=report.path, **where)


FORMAT = Format("github", write)
