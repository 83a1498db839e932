"""What finding pitfalls in source takes: cold, for one file as an editor asks, and for a file that did not change.

The others check with as many rules as there are here: those of pyflakes, which ruff has as well.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

from benchmarks.harness import Comparison, Sampler, Target
from samerun.lint import Linter, all_rules

_ROOT = Path(__file__).parents[1]
_CORPUS = ("src", "tests")
# A script as people write them.
_ONE = "examples/verify/kaggle_loop.py"
_RUFF = (sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet", "--exit-zero", "--select", "F")
_FLAKE8 = (sys.executable, "-m", "flake8", "--isolated", "--exit-zero", "--select", "F", "--jobs", "1")
_SAMERUN = (sys.executable, "-m", "samerun", "lint", "--no-cache")


def rows() -> list[Comparison]:
    """Return the rows against ruff, and against flake8 where it is installed."""
    # flake8 takes a minute for what ruff has read in half a second.
    others = [("ruff, one core", _RUFF, 5)] + ([("flake8", _FLAKE8, 2)] if find_spec("flake8") is not None else [])
    return [
        *(
            Comparison(
                "lint, cold, a line",
                f"{name}, a line",
                _lines,
                partial(_their_lines, command),
                Target("ours", 1e-4),
                rounds=rounds,
            )
            for name, command, rounds in others
        ),
        *(
            Comparison(
                "samerun lint x.py, start to finish",
                name,
                partial(_process, _SAMERUN, (_ONE,)),
                partial(_process, command, (_ONE,)),
                Target("ours", 0.3),
                rounds=15,
            )
            for name, command, _ in others
        ),
        Comparison(
            "lint, an unchanged file from the cache", "checked anew", *_unchanged(), Target("ours", 2e-3), rounds=30
        ),
    ]


def _lines() -> float:
    """Return the seconds of computing time for each line of this repository, with nothing known before."""
    all_rules()
    before = time.process_time()
    for _ in Linter().paths([_ROOT / folder for folder in _CORPUS]):
        pass
    return (time.process_time() - before) / _count()


@cache
def _count() -> int:
    return sum(report.data.count(b"\n") for report in Linter().paths([_ROOT / folder for folder in _CORPUS]))


def _their_lines(command: tuple[str, ...]) -> float:
    """Return the seconds of computing time that a command takes for each line."""
    before = _computed()
    _process(command, _CORPUS)
    return (_computed() - before) / _count()


def _computed() -> float:
    """Return the seconds of computing time of all processes that were started and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _process(command: tuple[str, ...], paths: tuple[str, ...]) -> float:
    """Return the seconds from the start to the end of a command, on one core."""
    environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
    before = time.perf_counter()
    subprocess.run([*command, *paths], cwd=_ROOT, env=environment, stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - before


def _unchanged() -> tuple[Sampler, Sampler]:
    folder = TemporaryDirectory()
    root = Path(folder.name)
    copytree(_ROOT / "examples" / "verify", root, dirs_exist_ok=True)
    (root / "pyproject.toml").touch()

    def sample(linter: Linter) -> float:
        assert folder.name  # it is deleted with what holds it
        before = time.perf_counter()
        list(linter.paths([root / Path(_ONE).name]))
        return time.perf_counter() - before

    return partial(sample, Linter(cache=True)), partial(sample, Linter())
