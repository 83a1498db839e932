"""Findings as JSON, with ranges and edits as editors take them (the Language Server Protocol)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from samerun.lint.finding import Finding, Range
from samerun.lint.formats import Format
from samerun.lint.report import Report

__all__ = ["FORMAT", "as_json", "write"]


def write(reports: Sequence[Report]) -> str:
    """Return a list of all findings."""
    found = [as_json(report, finding) for report in reports for finding in report.findings]
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def as_json(report: Report, finding: Finding) -> dict[str, object]:
    """Return a finding; ``line`` and ``column`` are from 1, ``range`` is from 0 in characters (utf-32) as in LSP."""
    fix = finding.fix
    return {
        "path": str(report.path),
        "cell": finding.range.cell or None,
        "line": finding.range.line,
        "column": finding.range.column,
        "code": finding.code,
        "message": finding.message,
        "range": _range(finding.range),
        "fix": None
        if fix is None
        else {
            "summary": fix.summary,
            "safe": fix.safe,
            "edits": [
                {"cell": edit.range.cell or None, "range": _range(edit.range), "newText": edit.text}
                for edit in fix.edits
            ],
        },
    }


def _range(place: Range) -> dict[str, dict[str, int]]:
    return {
        "start": {"line": place.line - 1, "character": place.column - 1},
        "end": {"line": place.end_line - 1, "character": place.end_column - 1},
    }


FORMAT = Format("json", write)
