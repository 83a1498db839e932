"""The plugin of flake8: by the protocol, and run by flake8 itself."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys

import pytest

from samerun.integrations.flake8 import Plugin
from samerun.lint import File

BAD = "import torch\nx = 'é'; torch.cuda.manual_seed(0)\n"


def found(text, path):
    lines = text.splitlines(keepends=True)
    return [(line, column, said[:5]) for line, column, said, _ in Plugin(ast.parse(text), str(path), lines).run()]


def test_findings_have_lines_from_1_and_columns_from_0(tmp_path):
    assert found(BAD, tmp_path / "x.py") == [(2, 9, "SR002")]
    assert found(BAD.replace("manual_seed", "manual_seed_all"), tmp_path / "x.py") == []
    assert found(BAD, "stdin") == [(2, 9, "SR002")]


def test_the_encoding_that_the_text_names_changes_no_column(tmp_path):
    assert found(f"# coding: latin-1\n{BAD}", tmp_path / "x.py") == [(3, 9, "SR002")]


def test_the_settings_of_the_project_hold(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.samerun.lint]\nignore = ["SR002"]')
    assert found(BAD, tmp_path / "x.py") == []


def test_modules_are_read_once_for_all_files(tmp_path, monkeypatch):
    read = []
    of = File.of.__func__
    monkeypatch.setattr(
        File, "of", classmethod(lambda cls, data, path, *rest: read.append(path) or of(cls, data, path, *rest))
    )
    (tmp_path / "seeds.py").write_text("import torch\ndef seed():\n    torch.manual_seed(0)\n")
    for name in ("a.py", "b.py"):
        found("import seeds\nseeds.seed()\n", tmp_path / name)
    assert [path.name for path in read].count("seeds.py") == 1


def test_flake8_runs_it(tmp_path):
    if importlib.util.find_spec("flake8") is None:
        pytest.skip("flake8 is not installed")
    (tmp_path / "x.py").write_text(BAD.replace("; ", "\n") + "torch.cuda.manual_seed(1)  # noqa: SR002\n")
    command = [sys.executable, "-m", "flake8", "--isolated", "--select", "SR", "x.py"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.stderr == ""
    said = "torch.cuda.manual_seed seeds the current device alone; manual_seed_all seeds all of them"
    assert answer.stdout == f"x.py:3:1: SR002 {said}\n"
