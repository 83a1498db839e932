"""Every case in tests/lint_cases: exactly the findings that it says, where it says.

``# error: SR001`` at the end of a line says that a finding begins in it, ``# error: SR001: text`` also what is in its
message; ``# pedantic: SR001`` says the same of what is only found with ``--pedantic``. In notebooks they are in cells.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from samerun.lint import Linter, all_rules
from samerun.lint.config import Config

CASES = Path(__file__).parents[2] / "lint_cases"
FILES = sorted(path for path in CASES.rglob("*") if path.suffix in (".py", ".ipynb"))
EXPECTED = re.compile(r"# (error|pedantic): (SR\d{3})(?:: (.*?))?(?=\s*# (?:error|pedantic):|$)")


def rule_of(path):
    return path.relative_to(CASES).parts[0].partition(".")[0].upper()


def expected(report, pedantic):
    found = []
    for number, line in enumerate(report.file.lines, 1):
        for kind, code, text in EXPECTED.findall(line):
            if kind == "error" or pedantic:
                found.append((number, code, text))
    return found


@pytest.mark.parametrize("pedantic", [False, True])
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CASES)))
def test_a_case_has_the_findings_that_it_says(path, pedantic):
    # A case is about its own rule; others may find what is no subject of it.
    linter = Linter((rule_of(path),), (), pedantic)
    report = linter.bytes(path.read_bytes(), path, None, Config())
    found = [(report.file.text_line(one.range), one.code, one.message) for one in report.findings]
    wanted = expected(report, pedantic)
    assert Counter(one[:2] for one in found) == Counter(one[:2] for one in wanted), found
    for line, code, text in wanted:
        assert any(text in message for number, other, message in found if (number, other) == (line, code)), found


def test_each_rule_has_a_violation_and_a_near_miss():
    for rule in all_rules():
        lines = [line for path in FILES if rule_of(path) == rule.code for line in path.read_text().splitlines()]
        assert any(rule.code in line and ("# error:" in line or "# pedantic:" in line) for line in lines), rule.code
        assert sum("# error:" not in line for line in lines) > 5, rule.code
