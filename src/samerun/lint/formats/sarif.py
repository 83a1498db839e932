"""Findings as SARIF 2.1.0, which GitHub's code scanning and many editors read."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote

from samerun._version import __version__
from samerun.lint.finding import Fix, Range
from samerun.lint.formats import Format
from samerun.lint.registry import all_rules
from samerun.lint.report import UNREADABLE, Report
from samerun.lint.rule import SECTIONS, Rule, sections

__all__ = ["FORMAT", "write"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(reports: Sequence[Report]) -> str:
    """Return a log with one run: the rules with their pages, and a result for each finding.

    Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    rules = [_unreadable(), *map(_rule, all_rules())]
    places = {rule["id"]: number for number, rule in enumerate(rules)}
    driver = {"name": "samerun lint", "semanticVersion": __version__, "rules": rules}
    results = [result for report in reports for result in _results(report, places)]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.page.partition("\n\n")[0].replace("\n", " ").replace("``", "`")},
        "help": {"text": rule.page, "markdown": _markdown(rule.page)},
        "defaultConfiguration": {"level": "note" if rule.pedantic else "warning"},
    }


def _unreadable() -> dict[str, Any]:
    text = "a file, or a cell of a notebook, cannot be read, so that nothing is known of it"
    return {
        "id": UNREADABLE,
        "name": "unreadable",
        "shortDescription": {"text": text},
        "fullDescription": {"text": text},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": "error"},
    }


def _markdown(page: str) -> str:
    """Return a page, whose titles, literal blocks and code are marked as in docstrings, as Markdown."""
    parts = []
    for title, text in sections(page).items():
        if title in SECTIONS:
            parts.append(f"## {title}\n")
        inside = False
        for line in text.replace("``", "`").splitlines():
            if inside and line and not line.startswith(" "):
                parts.append("```\n")
                inside = False
            if line.endswith("::") and not line.startswith(" "):
                parts += [line[:-1], "", "```"]
                inside = True
            elif not inside or line or parts[-1] != "```":
                parts.append(line.removeprefix("    ") if inside else line)
        parts += ["```\n"] if inside else [""]
    return "\n".join(parts).strip() + "\n"


def _results(report: Report, rules: dict[str, int]) -> list[dict[str, Any]]:
    seen: Counter[str] = Counter()
    found = []
    for finding in report.findings:
        # As long as the line stays what it is, it is the same finding, wherever the line has moved to.
        line = f"{finding.code} {report.line(finding.range).strip()}"
        seen[line] += 1
        result: dict[str, Any] = {
            "ruleId": finding.code,
            "ruleIndex": rules[finding.code],
            "level": "error" if finding.code == UNREADABLE else "note" if finding.pedantic else "warning",
            "message": {"text": finding.message_in_cell},
            "locations": [_location(report, finding.range)],
            "partialFingerprints": {"samerunLine/v1": f"{_digest(line)}:{seen[line]}"},
        }
        if finding.fix is not None and not finding.range.cell:
            result["fixes"] = [_fix(report, finding.fix)]
        found.append(result)
    return found


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _location(report: Report, place: Range) -> dict[str, Any]:
    """Return where a finding is: of a cell the line of the notebook's JSON, and the cell as a logical location."""
    if not place.cell:
        return {"physicalLocation": {"artifactLocation": _artifact(report), "region": _region(place)}}
    region = {"startLine": report.line_in_file(place)}
    return {
        "physicalLocation": {"artifactLocation": _artifact(report), "region": region},
        "logicalLocations": [{"fullyQualifiedName": f"cell {place.cell}", "kind": "module"}],
    }


def _region(place: Range) -> dict[str, int]:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _artifact(report: Report) -> dict[str, str]:
    """Return the address of a file: seen from this folder if it is below it."""
    whole, here = Path(os.path.abspath(report.path)), Path.cwd()  # noqa: PTH100 - links are not followed
    if here not in whole.parents:
        return {"uri": whole.as_uri()}
    return {"uri": quote(os.fsencode(whole.relative_to(here).as_posix())), "uriBaseId": "%SRCROOT%"}


def _fix(report: Report, fix: Fix) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(edit.range), "insertedContent": {"text": edit.text}} for edit in fix.edits
    ]
    changes = [{"artifactLocation": _artifact(report), "replacements": replacements}]
    return {
        "description": {"text": f"{fix.summary}{'' if fix.safe else ' (may change what is meant)'}"},
        "artifactChanges": changes,
    }


FORMAT = Format("sarif", write)
