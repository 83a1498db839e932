"""Functions in fresh processes, with arguments and results as JSON.

Run as ``python -m samerun.lab.process MODULE:FUNCTION RESULT.json``, with a JSON list of arguments on stdin.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from samerun.errors import ProcessError

__all__ = ["fresh", "side_by_side"]

# Two processes of one thread each; more cores would not change a bit, only the time.
_AT_ONCE = 2

# One thread each. Without the second, albumentations asks the network for a newer version of itself.
_VARIABLES = {"OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}


def fresh(function: Callable[..., Any], *arguments: Any, **variables: str) -> Any:
    """Call a function of a module in a fresh Python and return what it returned.

    Args:
        function: at the top of a module; what it returns must be JSON (tuples come back as lists).
        arguments: JSON values.
        variables: environment variables on top of this process's.

    Raises:
        ProcessError: if the process fails, with the end of what it printed to stderr.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    with TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        answer = subprocess.run(
            [sys.executable, "-m", __name__, name, str(result)],
            input=json.dumps(arguments),
            capture_output=True,
            env={**os.environ, **_VARIABLES, **variables},
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise ProcessError(name, answer.returncode, answer.stderr[-4000:])
        return json.loads(result.read_text())


def side_by_side(function: Callable[..., Any], calls: Iterable[Sequence[Any]], **variables: str) -> list[Any]:
    """Call a function once for each list of arguments, each in a fresh process, two at a time.

    Raises:
        ProcessError: if a process fails.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda arguments: fresh(function, *arguments, **variables), calls))


def main(name: str, result: Path) -> None:
    """Call the function of that name with the arguments on stdin and write what it returns."""
    module, _, qualname = name.partition(":")
    function = getattr(import_module(module), qualname)
    result.write_text(json.dumps(function(*json.load(sys.stdin))))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
