from __future__ import annotations

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from samerun.lab import Experiment, all_experiments, find_experiment
from samerun.lab.by_hand import BY_HAND
from samerun.lab.notebook import file_name, notebook, write_all

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "lab"
QUICK = ("one-integer",)


def names(*, quick: bool) -> list[str]:
    return [found.name for found in all_experiments() if (found.name in QUICK) == quick]


def execute(experiment: Experiment) -> list[str]:
    """Run a notebook in a kernel of its own and return the HTML that its cells show."""
    found = nbformat.read(FOLDER / file_name(experiment), as_version=4)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    NotebookClient(found, timeout=280, resources={"metadata": {"path": str(FOLDER)}}).execute(env=environment)
    outputs = [output for cell in found.cells for output in cell.get("outputs", ())]
    return [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]


def check(name: str) -> None:
    experiment = find_experiment(name)
    shown = execute(experiment)[-1]
    assert shown.count("<b>✓</b>") == shown.count("<li class") > 0
    assert shown.count("<svg") >= 1
    for language in ("en", "ja"):
        assert f'<span lang="{language}">' in shown


def test_every_experiment_can_be_tried_by_hand():
    assert BY_HAND.keys() == {found.name for found in all_experiments()}


def test_the_folder_holds_what_the_experiments_give(tmp_path):
    write_all(tmp_path)
    expected = {path.name: path.read_text() for path in tmp_path.iterdir()}
    found = {path.name: path.read_text() for path in FOLDER.glob("*.ipynb")}
    assert found == expected, "write them anew: python -m samerun.lab.notebook examples/lab"


@pytest.mark.parametrize("experiment", all_experiments(), ids=lambda found: found.name)
def test_notebooks_are_valid_and_their_links_lead_somewhere(experiment):
    nbformat.validate(nbformat.from_dict(notebook(experiment)))
    links = re.findall(r"\]\(([^)]+)\)", json.dumps(notebook(experiment)))
    assert len(links) == 4
    assert all((FOLDER / link).exists() for link in links)


@pytest.mark.parametrize("name", names(quick=True))
def test_a_quick_notebook_shows_its_experiment(name):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", names(quick=False))
def test_every_notebook_shows_its_experiment(name):
    check(name)
