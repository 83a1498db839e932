from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from runs import plain, record
from samerun.cli import app


@pytest.fixture(scope="module")
def traces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")

    def other(step, phase, kind, name):
        return "other" if (step, kind) == (7, "batch") else plain(step, phase, kind, name)

    record(folder / "A.trace")
    record(folder / "B.trace", other)
    record(folder / "C.trace", steps=range(10, 20), start=10)
    return folder


@pytest.fixture
def run(traces, monkeypatch):
    monkeypatch.chdir(traces)
    return lambda *arguments: CliRunner().invoke(app, ["diff", *arguments])


def test_the_same(run):
    answer = run("A.trace", "A.trace")
    assert answer.exit_code == 0
    assert "THE SAME" in answer.stdout


def test_differs(run):
    answer = run("A.trace", "B.trace")
    assert answer.exit_code == 1
    assert "DIFFERS  first in step 7: the batch" in answer.stdout


def test_what_differs_can_be_ignored(run):
    assert run("A.trace", "B.trace", "--ignore", "batch").exit_code == 0
    assert run("A.trace", "B.trace", "--ignore", "rng:*", "--ignore", "batch").exit_code == 0
    answer = run("A.trace", "B.trace", "--ignore", "batches")
    assert answer.exit_code == 2
    assert "'batches' is not one of rng, batch" in answer.stderr


def test_a_resumed_run(run):
    answer = run("A.trace", "C.trace", "--json")
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["processes"][0]["offset"] == 10
    assert run("A.trace", "C.trace", "--offset", "9").exit_code == 1


def test_json_alone_is_on_stdout(run):
    answer = run("A.trace", "B.trace", "--json", "--html", "report.html")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["processes"][0]["divergence"]["step"] == 7
    assert answer.stderr == "page: report.html\n"


def test_what_cannot_be_compared(run):
    for second, message in (("missing.trace", "does not exist"), ("report.txt", "not a trace")):
        if second == "report.txt":
            Path(second).write_text("no trace")
        answer = run("A.trace", second)
        assert answer.exit_code == 2
        assert message in answer.stderr
    assert run("A.trace", "C.trace", "--offset", "500").exit_code == 2
