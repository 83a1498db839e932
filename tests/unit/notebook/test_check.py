"""``samerun notebook check``: what it says of notebooks whose answer is known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[3]


def write(path, *cells, kernel=None):
    """Write a notebook of ``(source, execution count)``; a third value is the cell's tags."""
    notebook = nbformat.v4.new_notebook()
    for source, count, *tags in cells:
        cell = nbformat.v4.new_code_cell(source, execution_count=count)
        cell.metadata["tags"] = list(*tags)
        notebook.cells += [cell, nbformat.v4.new_markdown_cell("between")]
    if kernel:
        notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel}
    nbformat.write(notebook, path)
    return path


def check(path, *options, **environment):
    paths = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "samerun", "notebook", "check", str(path), *options]
    env = {**os.environ, "PYTHONPATH": paths, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def figures(path, code, *options):
    answer = check(path, "--json", *options)
    assert answer.returncode == code, answer.stderr
    return json.loads(answer.stdout)


def test_a_notebook_run_out_of_order(tmp_path):
    path = write(
        tmp_path / "work.ipynb",
        ("import random, torch\nrandom.seed(1); torch.manual_seed(2);", 1),
        ("random.random()", 2),
        ("shown = random.sample(range(9), 3)", 4),
        ("random.random(), torch.rand(1)", 3),
        ("object()", 5),
        ("shown", 6),
    )
    found = figures(path, 1)
    assert found["recorded_order"] == {"cells": [1, 2, 4, 3, 5, 6], "is": "run", "problem": ""}
    cells = {cell["cell"]: cell for cell in found["cells"]}
    assert all(cell["twice"] == {"outputs": True, "draws": True, "why": ""} for cell in cells.values())
    assert cells[4]["depends_on"] == [
        {"source": "python", "seeded_in": 1, "draws": [{"cell": 2, "count": 2}, {"cell": 3, "count": 6}]},
        {"source": "torch.cpu", "seeded_in": 1, "draws": []},
    ]
    assert cells[4]["recorded"] == {
        "outputs": False,
        "draws": False,
        "why": "cell 3 draws from python before it from top to bottom only",
    }
    assert cells[3]["recorded"]["why"] == "cell 4 draws from python before it in the recorded order only"
    assert cells[5]["recorded"] == {"outputs": True, "draws": True, "why": ""}
    assert [cell["count"] for cell in cells[3]["draws"]] == [6]


@pytest.mark.slow
def test_with_streams_the_order_makes_no_difference(tmp_path):
    path = write(
        tmp_path / "work.ipynb",
        ("%load_ext samerun\nimport random", 1),
        ("# samerun: plot\nrandom.sample(range(9), 3)", 3),
        ("# samerun: train\nrandom.random()", 2),
    )
    answer = check(path)
    assert answer.returncode == 0
    assert "every cell gives the same output and draws the same" in answer.stdout
    assert "the recorded order is 1-3-2" in answer.stderr


@pytest.mark.slow
def test_draws_without_a_seed(tmp_path):
    path = write(tmp_path / "work.ipynb", ("import random", 1), ("random.random()", 2), ("{'a': 1}", 3))
    answer = check(path)
    assert answer.returncode == 1
    assert "cell 2, run twice: output and draws differ: drew from python without a seed" in answer.stdout
    assert "the recorded order is from top to bottom" in answer.stderr


@pytest.mark.slow
def test_differences_that_are_not_drawn(tmp_path):
    path = write(tmp_path / "work.ipynb", ("import uuid\nprint(uuid.uuid4().int)", None), ("x = 1", None))
    answer = check(path)
    assert answer.returncode == 1
    assert "cell 1, run twice: the output differs: its own draws are the same" in answer.stdout
    assert "no order of execution is recorded" in answer.stderr
    ignored = write(tmp_path / "ignored.ipynb", ("import uuid\nprint(uuid.uuid4().int)", 1, ["samerun-ignore-output"]))
    assert check(ignored).returncode == 0


@pytest.mark.slow
def test_a_recorded_order_that_cannot_be_run_again(tmp_path):
    path = write(tmp_path / "work.ipynb", ("x = 1", 7), ("y = x", 3), ("1 / 0", 8, ["raises-exception"]))
    answer = check(path)
    assert answer.returncode == 2
    assert "from top to bottom, every cell gives the same" in answer.stdout
    assert "cell 2 (In[3]): raises NameError: name 'x' is not defined" in answer.stderr
    assert "5 executions are not in the file" in answer.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        ([("1 / 0", 1)], (), "cell 1 (In[1]): raises ZeroDivisionError: division by zero"),
        ([("import os; os._exit(1)", 1)], (), "its kernel died"),
        ([("import time; time.sleep(60)", 1)], ("--timeout", "1"), "cell 1 (In[1]): takes longer than 1 s"),
        ([("%unload_ext samerun", 1), ("x = 1", 2)], (), "does one unload or reload samerun?"),
        ([("x = 1", 1)], ("--kernel", "fortran"), "fortran"),
    ],
)
def test_what_cannot_be_told(tmp_path, cells, options, message):
    answer = check(write(tmp_path / "work.ipynb", *cells), *options)
    assert answer.returncode == 2, answer.stdout
    assert message in answer.stderr
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: ")


@pytest.mark.slow
def test_a_kernel_without_samerun(tmp_path):
    spec = tmp_path / "share" / "kernels" / "bare"
    spec.mkdir(parents=True)
    hide = "import sys; sys.modules['samerun'] = None; from ipykernel.kernelapp import main; main()"
    argv = [sys.executable, "-c", hide, "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "bare", "language": "python"}))
    answer = check(write(tmp_path / "work.ipynb", ("x = 1", 1), kernel="bare"), JUPYTER_PATH=str(tmp_path / "share"))
    assert answer.returncode == 2
    assert "its kernel 'bare' cannot load samerun" in answer.stderr


@pytest.mark.parametrize("content", ["", "hello", "[]", "{}", '{"cells": 3}', "\udcff"])
def test_what_is_no_notebook(tmp_path, content):
    path = tmp_path / "work.ipynb"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    answer = check(path)
    assert answer.returncode == 2
    assert "work.ipynb" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_notebook_without_code(tmp_path):
    answer = check(write(tmp_path / "work.ipynb", ("  ", 1)))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "has no cell with code" in answer.stderr


@pytest.mark.slow
def test_a_journal_of_the_notebook_s_own_is_left_alone(tmp_path):
    path = write(
        tmp_path / "work.ipynb", ("%load_ext samerun", 1), ("%rng journal --file kept", 2), ("%rng journal", 3)
    )
    assert check(path).returncode in (0, 1)
    assert [found.name for found in tmp_path.iterdir()] == ["work.ipynb"]


@pytest.mark.parametrize("package", ["nbclient", "nbformat"])
def test_without_the_extra_it_says_what_to_install(tmp_path, package):
    path = write(tmp_path / "work.ipynb", ("x = 1", 1))
    code = f"import sys; sys.modules[{package!r}] = None; sys.argv = ['samerun', 'notebook', 'check', {str(path)!r}]\n"
    code += "import samerun.__main__ as m; m.main()"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert 'pip install "samerun[notebook]"' in answer.stderr
