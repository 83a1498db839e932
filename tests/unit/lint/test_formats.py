"""Findings as CI services and editors read them."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from samerun.lint import Linter, all_rules, formats, lint_paths, lint_text

BAD = "import torch\ntorch.cuda.manual_seed(0)\n"
SEEDS = "torch.cuda.manual_seed seeds the current device alone; manual_seed_all seeds all of them"


def written(form, *reports):
    return formats.find(form).write(reports)


def notebook(source, name="n.ipynb", indent=1):
    cells = [{"cell_type": "markdown", "source": ["# title\n", "text"]}, {"cell_type": "code", "source": source}]
    return Linter().bytes(json.dumps({"cells": cells, "nbformat": 4}, indent=indent).encode(), Path(name))


@pytest.fixture
def reports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {"bad.py": BAD, "broken.py": "(", "good.py": "", "odd name é.py": BAD}.items():
        Path(name).write_text(text)
    return lint_paths(["."])


# --- text


def test_the_caret_stands_below_wide_characters():
    *_, line, caret, _cure, _, _count = written("text", lint_text(f"import torch\nx = '日é'; {BAD[13:]}")).splitlines()
    assert line == "2 | x = '日é'; torch.cuda.manual_seed(0)"
    assert caret == f"  |{' ' * 12}{'^' * 25}"


def test_nothing_reaches_the_terminal_that_it_would_obey():
    text = written("text", lint_text(f"{BAD[:-1]}  # \x1b[2J\u202e\x07", "a\nb\x1b.py"))
    assert "a\ufffdb\ufffd.py:2:1: SR002" in text
    assert "2 | torch.cuda.manual_seed(0)  # \ufffd[2J\ufffd\ufffd\n" in text


# --- GitHub


def test_annotations(reports):
    bad, broken, odd = written("github", *reports).splitlines()
    assert bad == f"::warning title=samerun lint%3A SR002,file=bad.py,line=2,endLine=2,col=1,endColumn=26::{SEEDS}"
    assert broken.startswith("::error title=samerun lint%3A SR000,file=broken.py,line=1,")
    assert "file=odd name é.py," in odd


def test_annotations_of_several_lines_have_no_columns():
    (line,) = written("github", lint_text("import torch\ntorch.cuda.manual_seed(\n0\n)", "a.py")).splitlines()
    assert "file=a.py,line=2,endLine=4::" in line


@pytest.mark.parametrize(
    ("source", "indent", "line"),
    [
        (["import torch\n", "\n", "torch.cuda.manual_seed(0)"], 1, 15),
        (["import torch\n\n", "torch.cuda.manual_seed(0)\n", "\n"], 1, 14),
        ("import torch\n\ntorch.cuda.manual_seed(0)", 1, 12),
        (["import torch\n", "\n", "torch.cuda.manual_seed(0)"], None, 1),
    ],
)
def test_annotations_of_cells_stand_in_the_line_of_the_json(source, indent, line):
    report = notebook(source, indent=indent)
    text = json.dumps(json.loads(report.data), indent=indent).splitlines()[line - 1]
    assert "torch.cuda.manual_seed(0)" in text
    (found,) = written("github", report).splitlines()
    assert found == f"::warning title=samerun lint%3A SR002,file=n.ipynb,line={line}::cell 2, line 3: {SEEDS}"


# --- JUnit


def test_a_case_for_each_finding_and_for_each_file_without(reports):
    (suite,) = ET.fromstring(written("junit", *reports, notebook(BAD)).encode())
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "3",
        "errors": "1",
    }
    cases = [(case.get("file"), case.get("line"), case.get("name"), [part.tag for part in case]) for case in suite]
    assert cases == [
        ("bad.py", "2", "SR002 at 2:1", ["failure"]),
        ("broken.py", "1", "SR000 at 1:1", ["error"]),
        ("good.py", None, "samerun lint", []),
        ("odd name é.py", "2", "SR002 at 2:1", ["failure"]),
        ("n.ipynb", "12", "SR002 at cell 2:2:1", ["failure"]),
    ]
    failure = suite[0][0]
    assert failure.get("message") == SEEDS
    assert failure.get("type") == "SR002"
    assert failure.text == "bad.py:2:1\ntorch.cuda.manual_seed(0)\ndo: call manual_seed_all"


def test_junit_leaves_out_what_xml_cannot_hold():
    text = written("junit", lint_text(f"{BAD[:-1]}  # \x0c\x1b[31m", "a\udcff.py"))
    assert ET.fromstring(text.encode())[0][0].get("file") == "a.py"


# --- SARIF: the parts of the schema that matter to those who read it
# (https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning)


def sarif(*reports):
    log = json.loads(written("sarif", *reports))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for rule in rules:
        assert {"id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration"} == set(rule)
        assert rule["shortDescription"]["text"]
        assert rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        (location,) = result["locations"]
        region = location["physicalLocation"]["region"]
        assert all(isinstance(number, int) and number >= 1 for number in region.values())
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
    return run


def test_sarif_names_all_rules_with_their_pages():
    driver = sarif()["tool"]["driver"]
    assert driver["name"] == "samerun lint"
    assert [rule["id"] for rule in driver["rules"]] == ["SR000", *(rule.code for rule in all_rules())]
    page = next(rule for rule in driver["rules"] if rule["id"] == "SR002")["help"]["markdown"]
    for title in ("What it does", "Experiment", "When to silence"):
        assert f"\n## {title}\n" in page
    assert page.count("```") % 2 == 0
    fences = page.split("```")
    assert all("## " not in block for block in fences[1::2])
    assert any("torch.cuda.manual_seed" in block for block in fences[1::2])
    assert "``" not in page.replace("```", "")


def test_sarif_has_places_cures_and_levels(reports):
    run = sarif(*reports)
    assert run["columnKind"] == "unicodeCodePoints"
    bad, broken, odd = run["results"]
    place = bad["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "bad.py", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 26}
    (cure,) = bad["fixes"]
    ((replacement,),) = (change["replacements"] for change in cure["artifactChanges"])
    assert replacement["deletedRegion"] == {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 23}
    assert replacement["insertedContent"] == {"text": "torch.cuda.manual_seed_all"}
    assert (bad["level"], broken["level"]) == ("warning", "error")
    assert "fixes" not in broken
    assert odd["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "odd%20name%20%C3%A9.py"


def test_sarif_of_files_elsewhere_and_of_names_that_are_no_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uris = [
        sarif(lint_text(BAD, name))["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for name in ("/elsewhere/a b.py", "\udcff.py")
    ]
    assert uris == ["file:///elsewhere/a%20b.py", "%FF.py"]


def test_sarif_of_cells():
    (result,) = sarif(notebook(BAD))["results"]
    (location,) = result["locations"]
    assert location["logicalLocations"] == [{"fullyQualifiedName": "cell 2", "kind": "module"}]
    assert location["physicalLocation"]["region"] == {"startLine": 12}
    assert result["message"]["text"] == f"cell 2, line 2: {SEEDS}"
    assert "fixes" not in result  # its regions would be those of the JSON


def test_fingerprints_follow_a_line_that_moves_and_tell_twins_apart():
    def fingerprints(text):
        return [result["partialFingerprints"]["samerunLine/v1"] for result in sarif(lint_text(text))["results"]]

    (one,) = fingerprints(BAD)
    assert fingerprints(f"# more\n{BAD}") == [one]
    assert fingerprints(BAD.replace("(0)", "(1)")) != [one]
    first, second = fingerprints(f"{BAD}{BAD}")
    assert first == one
    assert second != one


def test_pedantic_findings_are_notes():
    report = lint_text(f"{BAD}torch.manual_seed(0)\n", pedantic=True)
    assert [result["level"] for result in sarif(report)["results"]] == ["note"]
