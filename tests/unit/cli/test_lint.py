from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from samerun.cli import app
from samerun.lint import all_rules
from samerun.lint.formats import names

BAD = "import torch\ntorch.cuda.manual_seed(0)\n"
CURED = BAD.replace("manual_seed", "manual_seed_all")


def lint(*arguments, **options):
    return CliRunner().invoke(app, ["lint", *map(str, arguments)], **options)


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text(BAD)
    return path


def test_exit_codes(bad, tmp_path):
    assert lint(bad).exit_code == 1
    assert lint(bad, "--ignore", "sr002").exit_code == 0
    (tmp_path / "broken.py").write_text("(")
    assert lint(tmp_path).exit_code == 2
    for wrong in (["gone"], ["--select", "SR999", bad], ["--format", "xml", bad], ["-", bad]):
        assert lint(*wrong).exit_code == 2


def test_a_format_and_a_file_for_it(bad, tmp_path):
    answer = lint(bad, "--format", "json", "--output", tmp_path / "out.json")
    assert answer.output == ""
    assert json.loads((tmp_path / "out.json").read_text())[0]["code"] == "SR002"


def test_diff_shows_what_fix_does(bad):
    answer = lint(bad, "--diff")
    assert answer.exit_code == 1
    assert "-torch.cuda.manual_seed(0)\n+torch.cuda.manual_seed_all(0)\n" in answer.stdout
    assert bad.read_text() == BAD
    bad.chmod(0o750)
    answer = lint(bad, "--fix")
    assert answer.exit_code == 0
    assert "1 cured" in answer.stderr
    assert bad.read_text() == CURED
    assert stat.S_IMODE(bad.stat().st_mode) == 0o750
    assert lint(bad, "--diff").exit_code == 0
    assert [path.name for path in bad.parent.iterdir()] == ["bad.py"]


def test_a_link_stays_a_link(bad, tmp_path):
    link = tmp_path / "link.py"
    link.symlink_to(bad)
    lint(link, "--fix")
    assert link.is_symlink()
    assert bad.read_text() == CURED


def test_stdin():
    assert "stdin.py:2:1: SR002" in lint("-", input=BAD).stdout
    assert "x/y.py:2:1: SR002" in lint("-", "--stdin-filename", "x/y.py", input=BAD).stdout
    answer = lint("-", "--fix", input=BAD)
    assert answer.stdout == CURED
    assert answer.exit_code == 0


def test_a_notebook_on_stdin_is_known_as_one():
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": BAD}
    notebook = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    assert "stdin.ipynb:cell 1:2:1: SR002" in lint("-", input=notebook).stdout


@pytest.mark.parametrize("option", ["--select", "--ignore"])
@pytest.mark.parametrize("given", ["", " , "])
def test_no_code_is_not_all_codes(bad, option, given):
    answer = lint(option, given, bad)
    assert answer.exit_code == 2
    assert "has no code in it" in answer.output


def test_rule_prints_pages():
    def rule(*arguments):
        return CliRunner().invoke(app, ["rule", *arguments])

    assert rule("sr002").stdout.startswith("SR002 one-cuda-device\n\n``torch.cuda.manual_seed``")
    assert rule("late-seed").stdout.startswith("SR004")
    assert "When to silence:" in rule("--all").stdout
    assert "SR004  late-seed" in rule().stdout
    assert rule("SR999").exit_code == 2


def run(*arguments, cwd, **options):
    command = [sys.executable, "-m", "samerun", "lint", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, check=False, timeout=60, **options)


def test_a_cache_is_kept_in_a_project_unless_it_is_not_wanted(bad, tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    assert lint(bad, "--no-cache").exit_code == 1
    assert not (tmp_path / ".samerun_cache").exists()
    assert lint(bad).stdout == lint(bad).stdout
    assert (tmp_path / ".samerun_cache").is_dir()
    assert lint(bad, "--fix").exit_code == 0
    assert bad.read_text() == CURED
    assert lint(bad).exit_code == 0


def test_stdin_is_asked_for_in_one_way(bad):
    assert lint("-", "-", input=BAD).exit_code == 2
    answer = lint(bad, "--stdin-filename", "x.py", input=BAD)
    assert answer.exit_code == 2
    assert "files are given" in answer.stderr
    assert "x.py:2:1" in lint("--stdin-filename", "x.py", input=BAD).stdout


def test_a_closed_stdin_is_named(tmp_path):
    command = f"{sys.executable} -m samerun lint - <&-"
    answer = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, check=False, text=True)
    assert answer.returncode == 2
    assert answer.stderr.endswith("Error: stdin is closed\n")


def test_names_of_files_that_are_no_text(tmp_path):
    odd = tmp_path / "\udcff.py"
    odd.write_text(BAD)
    assert b"/\xff.py" in os.fsencode(odd)
    assert run(".", cwd=tmp_path).stdout.startswith(b"\\udcff.py:2:1: SR002")
    assert json.loads(run("--format", "json", ".", cwd=tmp_path).stdout)[0]["path"] == "\udcff.py"
    for form in ("github", "junit", "sarif"):
        answer = run("--format", form, ".", cwd=tmp_path)
        assert (answer.returncode, answer.stderr) == (1, b"")
    assert b"+++ \\udcff.py" in run("--diff", odd.name, cwd=tmp_path).stdout
    assert run("--fix", odd.name, cwd=tmp_path).returncode == 0
    assert odd.read_text() == CURED


def test_a_terminal_that_does_not_know_a_character(tmp_path):
    (tmp_path / "x.py").write_text(f"import torch\nx = '日'; {BAD[13:]}", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    assert b"x = '\\u65e5';" in run("x.py", cwd=tmp_path, env=environment).stdout
    assert b"x = '\\u65e5';" in run("x.py", "--diff", cwd=tmp_path, env=environment).stdout
    (tmp_path / "é.py").write_text(BAD, encoding="utf-8")
    said = run("é.py", "--format", "json", cwd=tmp_path, env=environment).stdout
    assert json.loads(said.decode("utf-8"))[0]["path"] == "é.py"


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_the_readmes_show_what_is_printed(page, tmp_path):
    text = (Path(__file__).parents[3] / page).read_text(encoding="utf-8")
    before, _, after = text.partition("samerun lint train.py")
    (tmp_path / "train.py").write_text(before.rpartition("```python\n")[2].partition("```")[0])
    printed = run("train.py", cwd=tmp_path, encoding="utf-8").stdout
    assert "SR004" in printed
    assert after.partition("```text\n")[2].startswith(f"{printed}```")


def test_what_would_do_nothing_is_refused(bad, tmp_path):
    out = tmp_path / "out.txt"
    for wrong in (["--unsafe-fixes", bad], ["--diff", "--output", out, bad], ["--fix", "--output", out, "-"]):
        answer = lint(*wrong, input=BAD)
        assert answer.exit_code == 2
        assert "Error: --" in answer.stderr
    assert bad.read_text() == BAD
    assert not out.exists()
    assert lint("--unsafe-fixes", "--fix", bad).exit_code == 0


def test_the_help_names_all_formats():
    shown = " ".join(lint("--help").stdout.split())
    assert f"{', '.join(names()[:-1])} or {names()[-1]}." in shown


def test_the_list_of_rules_is_a_table():
    lines = CliRunner().invoke(app, ["rule"]).stdout.splitlines()
    starts = {line.index(rule.summary) for line, rule in zip(lines, all_rules(), strict=True)}
    assert len(starts) == 1


def test_a_wrong_setting_says_in_which_file(bad, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.samerun.lint]\nselct = []\n")
    answer = lint(bad)
    assert answer.exit_code == 2
    assert f"{tmp_path / 'pyproject.toml'}: tool.samerun.lint.selct" in answer.stderr + str(answer.exception)
