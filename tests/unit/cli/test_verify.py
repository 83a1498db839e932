from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from samerun.cli import app
from samerun.testing import disk_full
from verdicts import ANEW, DIFFERS, FAILED, SAME, report

SCRIPT = """\
import torch
torch.manual_seed(0)
model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for word in {"a", "b", "c", "d", "e", "f", "g", "h"}:
    model(torch.full((1, 3), float(ord(word)) / 200)).square().sum().backward()
    optimizer.step()
"""
COMMAND = "--", sys.executable, "train.py"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    (tmp_path / "train.py").write_text(SCRIPT)
    return lambda *arguments: CliRunner().invoke(app, ["verify", *arguments])


@pytest.fixture
def comes_out(monkeypatch):
    """Let the trials come out in a way that is given, and return what was asked for."""
    asked = {}

    def come_out(*outcomes):
        def verify(script, scenarios, **options):
            asked.update(options, script=script, scenarios=[scenario.name for scenario in scenarios])
            return report(*outcomes)

        monkeypatch.setattr("samerun.verify.verify", verify)
        return asked

    return come_out


def test_a_script_is_tried_out_for_real(run, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    answer = run(
        "--only", "repeat,hashseed", "--json", "--html", "a.html", "--junit", "a.xml", "--keep", "kept", *COMMAND
    )
    assert answer.exit_code == 1, answer.stderr
    told = json.loads(answer.stdout)
    assert [(found["scenario"], found["status"]) for found in told["outcomes"]] == [
        ("repeat", "same"),
        ("hashseed", "differs"),
    ]
    assert told["steps"] == 8
    assert "hashseed" in Path("a.html").read_text()
    assert ET.parse("a.xml").find("testsuite").get("failures") == "1"
    assert "::error title=samerun%3A hashseed%3A PYTHONHASHSEED=" in answer.stderr
    assert answer.stderr.splitlines()[:2] == ["page: a.html", "JUnit: a.xml"]
    assert sorted(Path("kept").rglob("*.trace"))
    assert sorted(path.name for path in Path().iterdir()) == ["a.html", "a.xml", "kept", "train.py"]


def test_the_list_needs_no_command(run):
    answer = run("--list")
    assert answer.exit_code == 0
    assert "ranks" in answer.stdout
    names = [found["name"] for found in json.loads(run("--list", "--json").stdout)]
    assert names[0] == "repeat"
    assert "interrupt" in names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no command is given; give it after --"),
        (("--only", "repeat,nothing", *COMMAND), "nothing: is no scenario; there are: repeat"),
        (("--only", "repeat", "--skip", "repeat", *COMMAND), "no scenario is left to try"),
        (("--quick", "--all", *COMMAND), "--quick and --all contradict each other"),
        (("--json", "--summary", *COMMAND), "--json and --summary both print"),
        (("--steps", "0", *COMMAND), "0 is not in the range x>=1"),
        (("--timeout", "0", *COMMAND), "0.0 is not in the range x>0"),
        (("--resume-cmd", "python 'train.py", *COMMAND), "is no command: No closing quotation"),
        (("--data", "images", *COMMAND), "--data images: is not there"),
        (("--html", "no/page.html", *COMMAND), "no/page.html cannot be written: there is no folder no"),
        (("--baseline", "none.json", *COMMAND), "none.json: is not there"),
        (("--keep", ".", *COMMAND), "is there already"),
        (("--", "no-such-program", "train.py"), "no-such-program: is no program"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_run(run, arguments, message):
    answer = run(*arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert message in " ".join(answer.stderr.split())


@pytest.mark.parametrize(
    ("outcomes", "code", "text"),
    [
        ((SAME,), 0, "THE SAME"),
        ((SAME, DIFFERS, FAILED), 1, "DIFFERS"),
        ((SAME, FAILED), 2, "COULD NOT RUN"),
    ],
)
def test_exit_codes(run, comes_out, outcomes, code, text):
    comes_out(*outcomes)
    answer = run(*COMMAND)
    assert (answer.exit_code, answer.stderr) == (code, "")
    assert text in answer.stdout


def test_options_behind_the_command_are_its_own_without_two_dashes_too(run, comes_out):
    asked = comes_out(SAME)
    run("--steps", "7", "python", "train.py", "--steps", "3", "--list", "--quick")
    assert asked["script"].argv == ("python", "train.py", "--steps", "3", "--list", "--quick")
    assert (asked["script"].steps, asked["quick"]) == (7, False)
    answer = run("--onyl", "repeat", *COMMAND)
    assert (answer.exit_code, "No such option" in answer.stderr) == (2, True)


def test_the_verdict_is_printed_also_if_a_report_cannot_be_written(run, comes_out, monkeypatch):
    comes_out(DIFFERS)
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: disk_full())
    answer = run("--junit", "report.xml", *COMMAND)
    assert "DIFFERS" in answer.stdout
    assert "No space left" in answer.stderr


def test_options_reach_the_library(run, comes_out):
    asked = comes_out(SAME)
    Path("images").mkdir()
    options = "--steps 7 --timeout 9.5 --jobs 3 --data images --keep kept --quick".split()
    run(*options, "--resume-cmd", "python train.py --name 'a b'", "--", "python", "train.py", "--steps", "3", "{out}")
    script = asked["script"]
    assert script.argv == ("python", "train.py", "--steps", "3", "{out}")
    assert script.resume == ("python", "train.py", "--name", "a b")
    assert (script.steps, script.timeout, script.data) == (7, 9.5, {"images"})
    assert (asked["jobs"], asked["keep"], asked["quick"]) == (3, Path("kept"), True)
    assert asked["scenarios"] == ["repeat", "workers", "eda", "interrupt"]


def test_the_command_line_wins_over_the_project(run, comes_out):
    asked = comes_out(SAME, DIFFERS)
    Path("accepted.json").write_text('{"accepted": ["workers", "repeat"]}')
    settings = (
        'command = "python train.py"\nsteps = 5\nonly = ["repeat", "eda"]\nskip = ["eda"]\nbaseline = "accepted.json"'
    )
    Path("pyproject.toml").write_text(f"[tool.samerun.verify]\n{settings}\n")
    answer = run()
    assert answer.exit_code == 0
    assert "no longer differs: repeat" in answer.stdout
    assert (asked["script"].argv, asked["script"].steps, asked["scenarios"]) == (("python", "train.py"), 5, ["repeat"])
    run("--steps", "9", "--only", "eda", "--", "python", "other.py")
    assert (asked["script"].argv, asked["script"].steps, asked["scenarios"]) == (("python", "other.py"), 9, ["eda"])
    run("--quick")
    assert asked["scenarios"] == ["repeat", "workers", "interrupt"]
    run("--all", "--skip", "ranks")
    assert "eda" in asked["scenarios"]
    assert "ranks" not in asked["scenarios"]


def test_a_baseline_is_written_and_read(run, comes_out):
    comes_out(SAME, DIFFERS)
    answer = run("--write-baseline", "accepted.json", *COMMAND)
    assert answer.exit_code == 0
    assert answer.stderr == "baseline: accepted.json (1 accepted)\n"
    assert run(*COMMAND).exit_code == 1
    answer = run("--baseline", "accepted.json", "--json", *COMMAND)
    assert answer.exit_code == 0
    assert [found["accepted"] for found in json.loads(answer.stdout)["outcomes"]] == [False, True]
    comes_out(SAME, ANEW)
    assert json.loads(run("--baseline", "accepted.json", "--json", *COMMAND).stdout)["no_longer"] == []
    comes_out(SAME, replace(DIFFERS, status="same"))
    assert json.loads(run("--baseline", "accepted.json", "--json", *COMMAND).stdout)["no_longer"] == [DIFFERS.name]


def test_annotations_are_made_where_they_are_read(run, comes_out, monkeypatch):
    comes_out(DIFFERS)
    assert "::error" not in run(*COMMAND).stderr
    assert "::error" in run("--github", *COMMAND).stderr
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "::error" in run(*COMMAND).stderr
    assert "::error" not in run("--no-github", *COMMAND).stderr


@pytest.mark.parametrize(
    ("package", "options"), [("psutil", ()), ("time_machine", ()), ("jinja2", ("--html", "a.html"))]
)
def test_without_its_extra_it_says_what_to_install(run, comes_out, monkeypatch, package, options):
    comes_out(SAME)
    assert run(*options, *COMMAND).exit_code == 0
    monkeypatch.setitem(sys.modules, package, None)
    answer = run(*options, *COMMAND)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == f'error: {package} is not installed; run: pip install "samerun[verify]"\n'


def test_the_summary_alone_is_on_stdout(run, comes_out):
    comes_out(SAME)
    assert run("--summary", *COMMAND).stdout.startswith("**samerun verify: same** (1 of 1 trial)")
