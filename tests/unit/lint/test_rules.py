"""Every rule has its page, its place in the docs and the changelog, and an experiment that prints what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from samerun import plugins
from samerun.errors import LintError
from samerun.lint import Rule, all_rules, registry
from samerun.lint.rule import SECTIONS, blocks, sections

ROOT = Path(__file__).parents[3]
INDEX = ROOT / "docs" / "rules" / "index.md"
PRECISION = ROOT / "docs" / "explanation" / "lint-precision.md"
RULES = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)


def test_rules_cases_docs_and_changelog_have_the_same_codes():
    codes = {rule.code for rule in all_rules()}
    assert {path.name[:5].upper() for path in (ROOT / "tests/lint_cases").iterdir()} == codes
    assert {path.stem.upper() for path in (ROOT / "docs/rules").glob("sr*.md")} == codes
    assert set(re.findall(r"^\| \[(SR\d{3})\]", INDEX.read_text(), re.MULTILINE)) == codes
    assert set(re.findall(r"SR\d{3}", (ROOT / "CHANGELOG.md").read_text())) == codes


def test_the_table_of_precision_is_about_all_rules():
    rows = re.findall(r"^\| (SR\d{3})( \(pedantic\))? \|", PRECISION.read_text(), re.MULTILINE)
    assert [(code, bool(pedantic)) for code, pedantic in rows] == [(rule.code, rule.pedantic) for rule in all_rules()]


@RULES
def test_its_page_has_every_section_in_order(rule):
    found = sections(rule.page)
    assert tuple(found) == ("", *SECTIONS)
    assert found[""].strip()
    assert all(text.strip() for text in found.values())


@RULES
def test_its_names_are_the_same_everywhere(rule):
    module = rule.check.__module__
    assert module == f"samerun.lint.rules.{rule.code.lower()}_{rule.name.replace('-', '_')}"
    name = f"{rule.name}, pedantic" if rule.pedantic else rule.name
    assert f"| [{rule.code}]({rule.code.lower()}.md) | {name} | {rule.summary} |" in INDEX.read_text()
    page = (ROOT / "docs" / "rules" / f"{rule.code.lower()}.md").read_text()
    directive = f"```{{eval-rst}}\n.. automodule:: {module}\n```"
    assert page == f"# {rule.code}: {rule.name}\n\n{directive}\n"


# Torch is imported once for all experiments, each of which is then run in a process of its own.
EACH = """
import json, os, pathlib, random, sys, traceback
import numpy, torch
for path in sorted(pathlib.Path().glob("*.py")):
    if os.fork() == 0:
        sys.stdout = sys.stderr = path.with_suffix(".txt").open("w")
        try:
            random.seed()
            exec(compile(path.read_text(), path.name, "exec"), {"__name__": "__main__"})
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiments")
    for rule in all_rules():
        (folder / f"{rule.code}.py").write_text(blocks(sections(rule.page)["Experiment"])[0])
    subprocess.run([sys.executable, "-W", "ignore", "-c", EACH], cwd=folder, timeout=250, check=True)
    return {path.stem: path.read_text() for path in folder.glob("*.txt")}


@RULES
def test_its_experiment_prints_what_the_page_says(rule, printed):
    _, expected = blocks(sections(rule.page)["Experiment"])
    assert printed[rule.code].strip() == expected.strip()


def test_a_code_is_used_once(monkeypatch):
    double = Rule(all_rules()[0].code, "again", "x", lambda file: ())
    monkeypatch.setattr(registry, "_registered", lambda: [double])
    with pytest.raises(LintError, match="is the code of two rules: partial-seeding and again"):
        registry.all_rules.__wrapped__()


class _Entry:
    name, value = "mine", "package:RULE"

    def __init__(self, loaded):
        self.load = lambda: loaded


def test_rules_of_other_packages(monkeypatch):
    rule = Rule("XX001", "mine", "x", lambda file: ())
    monkeypatch.setattr(plugins, "entry_points", lambda group: [_Entry(rule)])
    assert registry.all_rules.__wrapped__()[-1] is rule
    monkeypatch.setattr(plugins, "entry_points", lambda group: [_Entry(3)])
    with pytest.raises(LintError, match="mine = package:RULE: is 3, not a"):
        registry.all_rules.__wrapped__()


def test_rules_are_chosen_by_how_their_codes_begin():
    def codes(*arguments):
        return [rule.code for rule in registry.chosen(*arguments)]

    assert codes(["SR00"], ["SR002"])[0] == "SR001"
    assert "SR002" not in codes(["SR00"], ["SR002"])
    assert codes(["SR001"], []) == ["SR001"]
    assert "SR001" not in codes([], ["SR001"])
    for wrong in ("SR999", "", "sr001"):
        with pytest.raises(LintError, match="is no rule; there are: SR001"):
            codes([wrong], [])
