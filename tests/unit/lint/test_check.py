from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from samerun.errors import LintError
from samerun.lint import Linter, config, formats, lint_paths, lint_text

BAD = "import torch\ntorch.cuda.manual_seed(0)"


def codes(text, **options):
    return [finding.code for finding in lint_text(text, **options).findings]


@pytest.mark.parametrize(
    ("comment", "silent"),
    [
        ("", False),
        ("  # noqa", True),
        ("  # NOQA:SR002", True),
        ("  # noqa: E501, SR002 because it is meant", True),
        ("  # noqa: E501", False),
        ("  # noqa: SR001", False),
        ("  # type: ignore  # noqa: SR002", True),
        ("; x = '# noqa'", False),
        ("\n# samerun: noqa", True),
        ("\n# samerun: noqa: SR002", True),
        ("\n# samerun: noqa: SR001", False),
        ("\n# noqa", False),
    ],
)
def test_noqa(comment, silent):
    assert codes(BAD + comment) == ([] if silent else ["SR002"])


def test_noqa_at_the_end_of_a_call_of_several_lines():
    assert codes("import torch\ntorch.cuda.manual_seed(\n    0\n)  # noqa: SR002") == []
    assert codes("import torch\ntorch.cuda.manual_seed(\n    0  # noqa: SR002\n)") == ["SR002"]


def test_noqa_in_a_notebook_is_for_its_cell():
    cells = [{"cell_type": "code", "source": f"{BAD}{end}"} for end in ("  # noqa", "")]
    report = Linter().bytes(json.dumps({"cells": cells}).encode(), Path("x.ipynb"))
    assert [finding.range.cell for finding in report.findings] == [2]


def test_pedantic_findings_are_for_those_who_ask():
    text = f"{BAD}\ntorch.manual_seed(0)\n"
    assert codes(text) == []
    assert codes(text, pedantic=True) == ["SR002"]


def test_a_text_that_names_an_encoding_is_still_that_text():
    report = lint_text("# coding: latin-1\nimport torch\nx = 'é'; torch.cuda.manual_seed(0)\n")
    assert report.findings[0].range.column == 10


def test_columns_are_characters():
    report = lint_text("import torch\nx = 'é日😀'; torch.cuda.manual_seed(0)\n")
    assert (report.findings[0].range.column, report.findings[0].range.end_column) == (12, 37)


@pytest.fixture
def project(tmp_path):
    for name in ("b.py", "a.py", "deep/c.py", ".hidden/d.py", "venv/e.py", "other/f.py", "deep/__pycache__/g.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(BAD)
    (tmp_path / "notes.txt").write_text(BAD)
    return tmp_path


def found(paths, **options):
    return [
        path.name for path, findings in ((one.path, one.findings) for one in lint_paths(paths, **options)) if findings
    ]


def test_files_are_found_in_order_and_once(project):
    assert found([project, project / "b.py"]) == ["a.py", "b.py", "c.py", "f.py"]
    assert found([project / "venv" / "e.py"]) == ["e.py"]
    assert found([project / "notes.txt"]) == ["notes.txt"]
    with pytest.raises(LintError, match="gone: is not there"):
        found([project / "gone"])


def test_a_file_is_checked_once_whatever_it_is_called(project, monkeypatch):
    monkeypatch.chdir(project)
    assert found(["a.py", project / "a.py", "deep/../a.py", "."]) == ["a.py", "b.py", "c.py", "f.py"]


def test_links_lead_nowhere_or_round_in_circles(project):
    deep = project / "deep"
    (deep / "again").symlink_to(deep)
    (deep / "itself.py").symlink_to("itself.py")
    (deep / "nowhere.py").symlink_to("gone.py")
    reports = lint_paths([deep])
    assert [report.path.name for report in reports] == ["c.py", "itself.py", "nowhere.py"]
    assert [report.readable for report in reports] == [True, False, False]
    assert "cannot be read: No such file" in reports[2].findings[0].message


def test_pipes_and_hidden_files_are_not_looked_for(project):
    os.mkfifo(project / "deep" / "pipe.py")
    (project / "deep" / "folder.py").mkdir()
    for name in ("._c.py", ".#c.py"):  # what file systems and editors leave beside a file
        (project / "deep" / name).write_bytes(b"\0")
    assert [report.path.name for report in lint_paths([project / "deep"])] == ["c.py"]
    assert [report.path.name for report in lint_paths([project / "deep" / "._c.py"])] == ["._c.py"]


def test_a_folder_that_cannot_be_searched_is_named(project, monkeypatch):
    listed = os.scandir

    def scandir(path):
        if os.fspath(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    reports = lint_paths([project])
    assert [report.path.name for report in reports if not report.readable] == ["deep"]


def test_the_settings_of_a_project(project):
    settings = project / "pyproject.toml"
    settings.write_text(
        '[tool.samerun.lint]\nexclude = ["other"]\n[tool.samerun.lint.per-file-ignores]\n"deep/*" = ["SR002"]'
    )
    assert found([project]) == ["a.py", "b.py"]
    assert found([project], ignore=["SR00"]) == []
    settings.write_text('[tool.samerun.lint]\nselect = ["SR001"]')
    assert found([project / "a.py"]) == []
    assert found([project / "a.py"], select=["SR002"]) == ["a.py"]
    settings.write_text("[tool.samerun.lint]\npedantic = true")
    (project / "a.py").write_text(f"{BAD}\ntorch.manual_seed(0)")
    assert found([project / "a.py"]) == ["a.py"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool.samerun.lint]\nselct = []", "tool.samerun.lint.selct: is no key; there are: select, ignore"),
        ('[tool.samerun.lint]\nselect = ["SR9"]', "tool.samerun.lint.select: 'SR9': is no rule"),
        ('[tool.samerun.lint]\nselect = "SR001"', "found 'SR001', expected a list of codes"),
        ("[tool.samerun.lint]\npedantic = 1", "found 1, expected true or false"),
        ('[tool.samerun.lint.per-file-ignores]\n"x" = ["SR9"]', "per-file-ignores: 'SR9': is no rule"),
        ("[tool.samerun]\nlint = 3", "is no table"),
        ("[", "is no TOML"),
    ],
)
def test_settings_that_cannot_be_used_are_errors(tmp_path, text, message):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(LintError) as error:
        config.read_nearest(tmp_path)
    assert message in str(error.value)


def test_text_has_the_line_and_a_caret():
    report = lint_text("import torch\nif 1:\n\ttorch.cuda.manual_seed(0)  # x\n", "a.py")
    assert formats.find("text").write([report]) == (
        "a.py:3:2: SR002 torch.cuda.manual_seed seeds the current device alone; manual_seed_all seeds all of them\n"
        "  |\n"
        "3 | \ttorch.cuda.manual_seed(0)  # x\n"
        "  | \t^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  = --fix: call manual_seed_all\n"
        "\n"
        "1 finding in 1 file\n"
    )
    assert formats.find("text").write([]) == "nothing found in 0 files\n"


def test_json_has_ranges_and_edits():
    report = lint_text(BAD, "a.py")
    (one,) = json.loads(formats.find("json").write([report]))
    assert (one["path"], one["code"], one["line"], one["column"], one["cell"]) == ("a.py", "SR002", 2, 1, None)
    assert one["range"] == {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 25}}
    (edit,) = one["fix"]["edits"]
    assert edit["newText"] == "torch.cuda.manual_seed_all"
    assert edit["range"]["end"] == {"line": 1, "character": 22}
    assert one["fix"]["safe"] is True


def test_it_imports_the_standard_library_alone():
    # numpy and torch by name, and whatever else lies where packages are installed.
    script = (
        "import sys, samerun.lint\nsamerun.lint.all_rules()\nsamerun.lint.lint_text('import torch')\n"
        "files = {name: getattr(module, '__file__', None) or '' for name, module in sys.modules.items()}\n"
        "own = ('samerun', '_', 'sitecustomize', 'usercustomize')\n"
        "print([name for name, file in files.items() if 'site-packages' in file and not name.startswith(own)])\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_place_is_told_of_once_though_two_uses_make_it_a_finding():
    text = "import time\nimport numpy as np\nimport torch\nseed = int(time.time())\nnp.random.default_rng(seed)\n"
    report = lint_text(f"{text}torch.manual_seed(seed)\n", select=["SR008"], pedantic=True)
    assert [(found.code, found.pedantic) for found in report.findings] == [("SR008", False)]
    (alone,) = lint_text(text, select=["SR008"], pedantic=True).findings
    assert alone.pedantic


@pytest.mark.parametrize("folder", ["src", "examples", "benchmarks"])
def test_our_own_code_is_clean(folder):
    root = Path(__file__).parents[3]
    found = [(report.path, finding) for report in lint_paths([root / folder]) for finding in report.findings]
    assert found == []
