from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from click.testing import CliRunner

from samerun.cli.app import app
from samerun.demo import experiment as experiment_module
from samerun.demo import report
from samerun.demo.experiment import Experiment, Verdict, _epochs, _first_difference
from samerun.demo.plan import SAVE_EVERY, STEPS, Session, plan
from samerun.demo.record import Record, Step
from samerun.errors import ProcessError

SAME = [True, False, True, True, False, False, True, True, True, True]


def made_up(*, same=True, stated=True):
    part = replace(plan(4, 42)[0], same=stated)
    verdict = Verdict(
        part=part,
        first_difference=None if same else 7,
        what="" if same else "batch",
        fingerprints=("a" * 32, ("a" if same else "b") * 32),
        losses=([1.0, 0.9, 0.8, 0.7], [1.0, 0.9, 0.8, 0.7]),
        distances=[0.0, 0.0, 0.0, 0.0 if same else 1.0],
    )
    return Experiment(seed=42, epochs=4, stopped=2, steps_per_epoch=3, verdicts=(verdict,))


def test_the_plan_has_every_part_and_its_negative_controls():
    parts = plan(20, 42)
    assert [part.same for part in parts] == SAME
    for part in parts:
        assert (part.reference.first, part.reference.stop, part.reference.resume) == (0, 20, None)
        assert [part.sessions[0].first, part.sessions[-1].stop, part.sessions[-1].stop_inside] == [0, 20, 0]
        assert sum(session.trained for session in part.sessions) == 20
        for before, after in zip(part.sessions, part.sessions[1:], strict=False):
            assert (after.resume, after.first) == (before.name, before.stop)
        assert len({(session.exact, session.run) for session in (part.reference, *part.sessions)}) == 1
        settings = {(session.num_workers, session.persistent_workers) for session in (part.reference, *part.sessions)}
        # Only samerun's loader is claimed to be indifferent to them, and torch's is shown not to be.
        indifferent = part.reference.exact and not part.reference.run
        assert (len(settings) > 1) == (indifferent or part.title == "2 workers against none")
    assert any(session.stop_inside for part in parts for session in part.sessions)
    (killed,) = (session for part in parts for session in part.sessions if session.killed)
    assert killed.run
    assert killed.killed % STEPS > 2 * SAVE_EVERY  # so that it is started again inside the epoch it died in
    names = {session for part in parts for session in (part.reference, *part.sessions)}
    assert len({session.name for session in names}) == len(names)


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_the_readme_shows_what_the_demo_prints(page):
    shown = " ".join((Path(__file__).parents[3] / page).read_text().split())
    for part in plan(20, 42):
        assert f"│ {part.title} " in shown
        assert part.reason in shown


def test_the_first_difference_is_a_step_and_what_differs_in_it():
    steps = [Step("b0", "m0", 2.0), Step("b1", "m1", 1.0), Step("b2", "m2", 0.5)]
    assert _first_difference(steps, steps) == (None, "")
    assert _first_difference(steps, [steps[0], Step("b1", "x", 1.0), Step("x", "x", 0.0)]) == (1, "model")
    assert _first_difference(steps, [*steps[:2], Step("x", "x", 0.0)]) == (2, "batch")
    with pytest.raises(ValueError, match="shorter"):
        _first_difference(steps, steps[:2])


def test_records_survive_being_written(tmp_path):
    record = Record([Step("a", "b", 0.1 + 0.2)], [np.array([1.0, -0.0], np.float32)])
    record.save(tmp_path)
    loaded = Record.load(tmp_path)
    assert loaded.steps == record.steps
    assert [vector.tobytes() for vector in loaded.parameters] == [vector.tobytes() for vector in record.parameters]


@pytest.mark.parametrize(
    ("same", "stated", "code"), [(True, True, 0), (False, False, 0), (False, True, 1), (True, False, 1)]
)
def test_exit_code_is_0_only_if_every_verdict_is_as_stated(tmp_path, monkeypatch, same, stated, code):
    monkeypatch.setattr(experiment_module, "run_experiment", lambda out, **options: made_up(same=same, stated=stated))
    answer = CliRunner().invoke(app, ["demo", "--out", str(tmp_path)], env={"COLUMNS": "100"})
    assert answer.exit_code == code
    assert "as expected" in answer.stderr
    assert ("NOT every verdict" in answer.stderr) == (code == 1)
    assert ("batch 2 of epoch 3" in answer.stdout) == (not same)
    assert ("expected: " in answer.stdout) == (code == 1)


def test_json_goes_to_stdout_and_into_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment_module, "run_experiment", lambda out, **options: made_up())
    answer = CliRunner().invoke(app, ["demo", "--json", "--out", str(tmp_path)])
    figures = json.loads(answer.stdout)
    assert figures == json.loads((tmp_path / "figures.json").read_text())
    assert figures["parts"][0]["same"] is True
    assert figures["environment"]["packages"]["torch"]


def test_the_plot_is_a_picture_and_leaves_no_figure_open(tmp_path):
    report.write(made_up(same=False, stated=False), tmp_path)
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert mpl.pyplot.get_fignums() == []


def test_a_process_that_fails_is_reported_with_what_it_printed(tmp_path):
    session = Session("orphan", 42, 2, 1, 2, resume="no-such-session")
    with pytest.raises(ProcessError, match=r"(?s)'orphan' ended with code 1.*No such file.*no-such-session"):
        list(_epochs(session, tmp_path / "orphan"))


def test_a_process_that_should_have_been_killed_and_was_not_is_reported(tmp_path):
    session = Session("survivor", 42, 1, 0, 1, exact=True, run=True, killed=STEPS + 1)
    with pytest.raises(ProcessError, match="'survivor' ended with code 0"):
        list(_epochs(session, tmp_path / "survivor"))


@pytest.mark.slow
def test_the_whole_demo_comes_out_as_stated(tmp_path):
    command = [sys.executable, "-m", "samerun", "demo", "--json", "--out", str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    parts = json.loads(answer.stdout)["parts"]
    assert [part["same"] for part in parts] == SAME
    for part in parts:
        assert (part["fingerprint"] == part["fingerprint_uninterrupted"]) == part["same"]
        assert (max(part["parameter_distances"]) == 0.0) == part["same"]
        at_once = part["run"] == "2 workers against none"
        assert (part["parameter_distances"][:10] == [0.0] * 10) == (not at_once)
        assert part["first_difference"] == (None if part["same"] else 0 if at_once else 290)
    assert (tmp_path / "demo.png").stat().st_size > 10_000
