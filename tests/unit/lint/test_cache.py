"""What was found is kept until something that it rests on changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from samerun.lint import Linter, cache, check, formats, lint_paths
from samerun.lint.file import File

BAD = "import torch\ntorch.cuda.manual_seed(0)\n"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "bad.py").write_text(BAD)
    return tmp_path


@pytest.fixture
def parsed(monkeypatch):
    """The files that were really checked."""
    found = []
    checked = check._checked

    def noted(file, *rest):
        found.append(file.path.name)
        return checked(file, *rest)

    monkeypatch.setattr(check, "_checked", noted)
    return found


def codes(path, **options):
    return [finding.code for report in lint_paths([path], cache=True, **options) for finding in report.findings]


def entries(project):
    return sorted((project / ".samerun_cache" / "lint").iterdir())


def test_an_unchanged_file_is_not_checked_again(project, parsed):
    (before,) = lint_paths([project / "bad.py"], cache=True)
    (after,) = lint_paths([project / "bad.py"], cache=True)
    assert parsed == ["bad.py"]
    assert before == after
    assert after.findings[0].fix is not None
    for name in formats.names():
        assert formats.find(name).write([before]) == formats.find(name).write([after])
    assert after.file is not None
    assert after.file.text == BAD


def test_it_is_kept_where_tools_leave_it_alone(project):
    codes(project)
    folder = project / ".samerun_cache"
    assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert (folder / ".gitignore").read_text() == "*\n"
    (entry,) = entries(project)
    assert json.loads(entry.read_text().partition("\n")[2])["findings"][0][0] == "SR002"


def test_it_is_kept_only_on_request_and_in_a_project(project, tmp_path_factory, parsed):
    lint_paths([project])
    assert not (project / ".samerun_cache").exists()
    lone = tmp_path_factory.mktemp("lone") / "bad.py"
    lone.write_text(BAD)
    assert codes(lone) == codes(lone) == ["SR002"]
    assert parsed == ["bad.py"] * 3
    assert [path.name for path in lone.parent.iterdir()] == ["bad.py"]


def test_text_settings_and_rules_count(project, parsed, monkeypatch):
    bad = project / "bad.py"
    assert codes(bad) == ["SR002"]
    assert codes(bad, ignore=["SR002"]) == []
    assert codes(bad) == ["SR002"]
    bad.write_text(f"{BAD}torch.manual_seed(0)\n")
    assert codes(bad) == []
    assert codes(bad, pedantic=True) == ["SR002"]
    assert len(parsed) == 5
    codes(bad, pedantic=True)
    assert len(parsed) == 5
    monkeypatch.setattr(cache, "_versions", lambda: "others")
    codes(bad, pedantic=True)
    assert len(parsed) == 6


def test_versions_tell_rules_that_were_changed(tmp_path, monkeypatch):
    cache._versions.cache_clear()
    before = cache._versions()
    monkeypatch.setattr(cache, "_state", lambda path: (1, 1) if path.endswith("sr002_one_cuda_device.py") else (0, 0))
    cache._versions.cache_clear()
    assert cache._versions() != before
    cache._versions.cache_clear()


def test_modules_that_are_imported_count_also_those_behind_them(project, parsed):
    script = project / "script.py"
    script.write_text("import a\nimport torch\nmodel = torch.nn.Linear(1, 1)\na.seed()\n")
    (project / "a.py").write_text("from b import seed\n")
    (project / "b.py").write_text("def seed(): pass\n")
    assert codes(script) == codes(script) == []
    assert parsed == ["script.py"]
    (project / "b.py").write_text("import torch\ndef seed(): torch.manual_seed(0)\n")
    assert codes(script) == codes(script) == ["SR004"]
    assert parsed == ["script.py"] * 2
    (project / "bad.py").write_text("")
    codes(script)
    assert parsed == ["script.py"] * 2, "it does not import bad.py"


@pytest.mark.parametrize("new", ["helpers.py", "helpers/__init__.py"])
def test_a_module_that_appears_counts(project, parsed, new):
    script = project / "script.py"
    script.write_text("import helpers\nimport torch\nmodel = torch.nn.Linear(1, 1)\nhelpers.start()\n")
    assert codes(script) == codes(script) == []
    (project / new).parent.mkdir(exist_ok=True)
    (project / new).write_text("import torch\ndef start(): torch.manual_seed(0)\n")
    assert codes(script) == ["SR004"]
    (project / new).unlink()
    assert codes(script) == []


def test_where_imports_are_looked_for_counts(project, parsed):
    script = project / "pack" / "script.py"
    script.parent.mkdir()
    script.write_text("import helpers\nimport torch\nmodel = torch.nn.Linear(1, 1)\nhelpers.start()\n")
    (project / "helpers.py").write_text("import torch\ndef start(): torch.manual_seed(0)\n")
    assert codes(script) == ["SR004"]
    (script.parent / ".git").mkdir()  # now this is the top of a project
    assert codes(script) == []


def test_what_another_file_led_to_counts_for_all_of_them(project, parsed):
    # b is known from checking one.py when two.py is checked.
    for name in ("one.py", "two.py"):
        (project / name).write_text("import b\nimport torch\nmodel = torch.nn.Linear(1, 1)\nb.seed()\n")
    (project / "b.py").write_text("from c import seed\n")
    (project / "c.py").write_text("def seed(): pass\n")
    codes(project)
    (project / "c.py").write_text("import torch\ndef seed(): torch.manual_seed(0)\n")
    assert codes(project / "two.py") == ["SR004"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data.replace(b"SR002", b"SR003"),
        lambda data: data.partition(b"\n")[2],
        lambda data: b"\xff\n\xff",
    ],
)
def test_a_damaged_entry_counts_as_none(project, damage, parsed):
    assert codes(project) == ["SR002"]
    (entry,) = entries(project)
    entry.write_bytes(damage(entry.read_bytes()))
    assert codes(project) == codes(project) == ["SR002"]
    assert len(parsed) == 2, "it was checked, and kept again"


@pytest.mark.parametrize("text", [b"[]", b'{"key": 1}', b"3", b'{"findings": 3}'])
def test_an_entry_of_another_shape_counts_as_none(project, text):
    codes(project)
    (entry,) = entries(project)
    entry.write_bytes(b"%b\n%b" % (cache._digest(text), text))
    assert codes(project) == ["SR002"]


def test_a_folder_that_cannot_be_written_to_is_left_alone(project, parsed):
    (project / ".samerun_cache").write_text("a file")
    assert codes(project) == codes(project) == ["SR002"]
    assert (project / ".samerun_cache").read_text() == "a file"


def test_nothing_half_written_is_left(project, monkeypatch):
    def fail(*paths):
        raise OSError("disk full")

    codes(project)
    (entry,) = entries(project)
    before = entry.read_bytes()
    (project / "bad.py").write_text(f"{BAD}#\n")
    monkeypatch.setattr(os, "replace", fail)
    assert codes(project) == ["SR002"]
    assert entries(project) == [entry]
    assert entry.read_bytes() == before


def test_files_that_cannot_be_read_are_kept_as_well(project, parsed):
    (project / "bad.py").write_text("(")
    (before,) = lint_paths([project], cache=True)
    (after,) = lint_paths([project], cache=True)
    assert before == after
    assert not after.readable
    assert after.file is None


def test_what_is_kept_says_the_same_of_a_notebook(project, parsed):
    cells = [{"cell_type": "code", "source": f"%matplotlib inline\n{BAD}"}, {"cell_type": "code", "source": "("}]
    (project / "bad.py").rename(project / "n.ipynb")
    (project / "n.ipynb").write_text(json.dumps({"cells": cells}))
    (before,) = lint_paths([project], cache=True)
    (after,) = lint_paths([project], cache=True)
    assert parsed == ["n.ipynb"]
    assert formats.find("text").write([before]) == formats.find("text").write([after])
    assert "3 | torch.cuda.manual_seed(0)" in formats.find("text").write([after])


def test_an_answer_from_the_cache_parses_nothing(project, monkeypatch):
    codes(project)
    monkeypatch.setattr(File, "of", classmethod(lambda *arguments: pytest.fail("parsed")))
    (report,) = Linter(cache=True).paths([project / "bad.py"])
    assert "2 | torch.cuda.manual_seed(0)" in formats.find("text").write([report])


def test_processes_beside_each_other_write_whole_entries(project):
    for number in range(20):
        (project / f"m{number}.py").write_text(BAD)
    command = [sys.executable, "-m", "samerun", "lint", "--format", "json", "."]
    several = [subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[0] for process in several]
    assert said[0] == said[1] == said[2]
    assert len(entries(project)) == 21
    assert codes(project) == ["SR002"] * 21
