from __future__ import annotations

import json
import stat

import pytest
from click.testing import CliRunner

from samerun.cli import app

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


def test_rule_prints_pages():
    def rule(*arguments):
        return CliRunner().invoke(app, ["rule", *arguments])

    assert rule("sr002").stdout.startswith("SR002 one-cuda-device\n\n``torch.cuda.manual_seed``")
    assert rule("late-seed").stdout.startswith("SR004")
    assert "When to silence:" in rule("--all").stdout
    assert "SR004  late-seed" in rule().stdout
    assert rule("SR999").exit_code == 2
