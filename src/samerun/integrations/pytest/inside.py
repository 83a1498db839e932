"""One test in a process of its own: ``python -m samerun.integrations.pytest.inside OUT TEST OPTIONS...``.

It is pytest that runs it, so fixtures, parameters, classes, ``conftest.py`` and the settings count as they always do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["main", "pytest_addoption", "tmp_path"]

_OUT = "--samerun-out"

# What is printed is the output of the test and, at the end, its error, whose last line is part of the verdict.
_PLAIN = ("-qq", "-rN", "--capture=no", "--show-capture=no", "--tb=short", "--disable-warnings", "--color=no")
# They are of other processes, or would make runs differ that are the same, or take the test to another process.
_WITHOUT = ("xdist", "randomly", "random_order", "pytest_cov", "rerunfailures")


def main(arguments: Sequence[str]) -> int:
    """Run a test; return pytest's exit code.

    Args:
        arguments: the folder that stays the same when the test is started again, the test, and options of pytest.
    """
    out, *others = arguments
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        os.environ.pop(name, None)
    without = [option for name in _WITHOUT for option in ("-p", f"no:{name}")]
    plugin = f"{__package__}.inside"
    return int(pytest.main([*without, "-p", plugin, f"{_OUT}={out}", f"--basetemp={out}/basetemp", *_PLAIN, *others]))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the folder."""
    parser.addoption(_OUT, type=Path, required=True)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest) -> Path:
    """Return a folder that is new for each run, and still there when an interrupted run is started again."""
    folder: Path = request.config.getoption(_OUT) / "tmp_path"
    folder.mkdir(exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
