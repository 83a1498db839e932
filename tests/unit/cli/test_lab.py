from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from samerun.cli.app import app
from samerun.lab import Claim, Outcome, Text, all_experiments, find_experiment
from samerun.lab import report as report_module
from samerun.lab.report import Report

WORD = Text("all `is` well", "すべてよし")


def invoke(*arguments):
    return CliRunner().invoke(app, ["lab", *arguments], env={"COLUMNS": "100"})


def test_one_experiment_is_carried_out_and_a_page_is_written(tmp_path):
    answer = invoke("generator-states", "--out", str(tmp_path / "new"))
    assert answer.exit_code == 0, answer.stderr
    assert answer.stdout.startswith("1  A generator's state can be read and put back\n   ✓ Put back, the state")
    assert answer.stdout.count("✓") == 3
    assert "every conclusion holds; page: " in answer.stderr
    assert '<section id="generator-states"' in (tmp_path / "new" / "lab.html").read_text(encoding="utf-8")
    figures = json.loads((tmp_path / "new" / "figures.json").read_text())
    assert figures["experiments"]["generator-states"]["conclusion"][0]["holds"] is True


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (False, 1)])
@pytest.mark.parametrize("as_json", [True, False])
def test_the_exit_code_is_0_only_if_every_conclusion_holds(tmp_path, monkeypatch, holds, code, as_json):
    experiment = find_experiment("2")
    outcome = Outcome({"number": 3}, (Claim(WORD, holds),))

    def carried_out(chosen):
        assert chosen == [experiment]
        return Report({experiment: outcome}, {experiment: 1.25})

    monkeypatch.setattr(report_module, "carry_out", carried_out)
    answer = invoke("2", "worker-seeds", "--out", str(tmp_path), *(["--json"] if as_json else []))
    assert answer.exit_code == code
    if as_json:
        figures = json.loads(answer.stdout)
        assert figures == json.loads((tmp_path / "figures.json").read_text())
        assert figures["holds"] is holds
        assert figures["environment"]["packages"]["torch"]
        assert figures["experiments"] == {
            "worker-seeds": {
                "holds": holds,
                "conclusion": [{"claim": WORD.en, "holds": holds}],
                "seconds": 1.2,
                "figures": {"number": 3},
            }
        }
    else:
        assert ("not so here: all is well" in answer.stdout) == (not holds)
        assert ("NOT every conclusion" in answer.stderr) == (not holds)


def test_experiments_are_listed():
    answer = invoke("--list")
    lines = answer.stdout.splitlines()
    assert answer.exit_code == 0
    assert len(lines) == len(all_experiments())
    assert lines[0].split()[:2] == ["1", "generator-states"]
    assert len(invoke("--list", "3", "1").stdout.splitlines()) == 2
    rows = json.loads(invoke("--list", "--json").stdout)
    assert rows[1] == {"number": 2, "name": "worker-seeds", "question": find_experiment("2").question.en}


def test_an_unknown_name_is_bad_usage_and_nothing_is_run(tmp_path):
    answer = invoke("generator-states", "phrenology", "--out", str(tmp_path / "new"))
    assert answer.exit_code == 2
    assert "there is no experiment 'phrenology'; there are: generator-states" in answer.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("package", ["jinja2", "sklearn"])
def test_without_its_extra_the_lab_says_what_to_install_before_it_runs(package, tmp_path):
    code = (
        "import importlib.util as u, sys; find = u.find_spec\n"
        f"u.find_spec = lambda name, *rest: None if name == {package!r} else find(name, *rest)\n"
        "sys.argv = ['samerun', 'lab', '1']; import samerun.__main__ as m; m.main()"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert answer.returncode == 2
    assert 'pip install "samerun[lab]"' in answer.stderr
    assert list(tmp_path.iterdir()) == []
