"""Who may import whom: the contracts of pyproject.toml hold, and a planted violation of each is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.imports


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--config",
        str(ROOT / "pyproject.toml"),
        "--no-cache",
    ]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_contracts_are_kept():
    answer = lint_imports(ROOT / "src")
    assert answer.returncode == 0, answer.stdout
    assert "0 broken" in answer.stdout


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("errors.py", "import samerun.cli", "Dependencies point one way"),
        ("state.py", "from samerun.rng import capture", "Dependencies point one way"),
        ("determinism/flags.py", "import samerun.rng.state", "Dependencies point one way"),
        ("rng/registry.py", "import samerun.integrations.numba", "Dependencies point one way"),
        ("rng/snapshot.py", "import samerun.demo.plan", "Dependencies point one way"),
        ("rng/numpy.py", "import samerun.rng.registry", "The registry alone knows which sources there are"),
        ("data/order.py", "import samerun.demo.plan", "Dependencies point one way"),
        ("rng/stream.py", "import samerun.data.order", "Dependencies point one way"),
        ("rng/stream.py", "import IPython", "The library needs none of what the extras bring"),
        ("run/run.py", "import samerun.notebook.states", "Dependencies point one way"),
        ("notebook/states.py", "import samerun.cli.app", "Dependencies point one way"),
        ("notebook/states.py", "import samerun.demo.plan", "Dependencies point one way"),
        ("data/plan.py", "import rich", "The library needs none of what the extras bring"),
        ("checkpoint/store.py", "import samerun.data", "Dependencies point one way"),
        ("checkpoint/writer.py", "import samerun.testing", "Dependencies point one way"),
        ("rng/state.py", "import rich", "The library needs none of what the extras bring"),
        ("divergence/verdict.py", "import samerun.verify.outcome", "Dependencies point one way"),
        ("verify/outcome.py", "import samerun.testing", "Dependencies point one way"),
        ("tracing/session.py", "import psutil", "The library needs none of what the extras bring"),
        ("lab/report.py", "import samerun.cli.lab", "Dependencies point one way"),
        ("lab/process.py", "import samerun.demo.plan", "Dependencies point one way"),
        ("data/loader.py", "import jinja2", "The library needs none of what the extras bring"),
        ("run/run.py", "import pytest", "The library needs none of what the extras bring"),
        ("verify/call.py", "import samerun.integrations.pytest", "Dependencies point one way"),
        ("lint/source.py", "import numpy", "lint needs the standard library alone"),
        ("lint/check.py", "import samerun.state", "Dependencies point one way"),
        ("derive.py", "import numpy", "errors and derive are standard library only"),
    ],
)
def test_a_planted_violation_is_found(tmp_path, module, statement, contract):
    package = tmp_path / "samerun"
    shutil.copytree(ROOT / "src" / "samerun", package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / module).open("a") as file:
        file.write(f"\n{statement}\n")
    answer = lint_imports(tmp_path)
    assert answer.returncode == 1, answer.stdout
    assert f"{contract} BROKEN" in answer.stdout
