from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from runs import plain, record
from samerun.cli import app


@pytest.fixture
def run(tmp_path, monkeypatch):
    def other(step, phase, kind, name):
        return "other" if (step, kind) == (7, "batch") else plain(step, phase, kind, name)

    record(tmp_path / "A.trace")
    record(tmp_path / "B.trace", other)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["explain", "A.trace", *arguments])


def test_what_does_not_differ_needs_no_command(run):
    answer = run("A.trace")
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert "do not differ" in answer.stdout
    answer = run("B.trace", "--ignore", "batch", "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["same"]) == (0, True)


def test_commands_are_taken_as_they_are(run):
    """Those of samerun's own options that stand behind the first ``--`` are theirs."""
    first, second = ([sys.executable, "-c", f"print({number}, 'ended')", "--json"] for number in (1, 2))
    for commands in ([*first, "--", *second], first):
        answer = run("B.trace", "-n", "3", "--", *commands)
        assert answer.exit_code == 2
        assert answer.stdout == ""
        told, *rest = answer.stderr.splitlines()
        assert told.startswith("rerun 1 of at most 3: ")
        assert "print(1," in told
        assert "--json (in " in told
        assert "print(2," not in told
        assert "1 ended" in "".join(rest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.trace",), "'missing.trace' does not exist"),
        (("B.trace", "-n", "0"), "0 is not in the range x>=1"),
        (("B.trace",), "does not say which command made it"),
    ],
)
def test_what_cannot_be_explained(run, arguments, message):
    answer = run(*arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert message in answer.stderr
