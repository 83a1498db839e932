"""A process that has imported torch and forks itself to run scripts, each as if Python had been started for it.

Importing torch and its compiler takes ten times as long as a script of the gallery. What a fork shares with its parent
and processes do not, the states of Python's and NumPy's generators, is made anew; the seed of hashes cannot be.
"""

from __future__ import annotations

import gc
import json
import os
import random
import runpy
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any


class Nursery:
    """Runs scripts side by side; a context manager.

    Args:
        variables: environment variables of the process, such as Python's hash seed.
    """

    def __init__(self, **variables: str) -> None:
        self._variables = variables

    def __enter__(self) -> Nursery:
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **self._variables},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, scripts: Sequence[dict[str, Any]]) -> list[int]:
        """Run scripts at the same time and return their exit codes.

        Args:
            scripts: ``argv``, ``cwd``, ``env`` and ``log``, the file for what is printed, of each.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            print(json.dumps(scripts), file=self._process.stdin, flush=True)
            return list(json.loads(self._process.stdout.readline()))


def main() -> None:
    """Read requests until the input ends, and run each in a child."""
    # What is there by now is no model of a child's: it need not look through all of it, nor copy it.
    gc.freeze()
    for request in sys.stdin:
        children = []
        for script in json.loads(request):
            if (child := os.fork()) == 0:
                _become(**script)
                return
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        sys.stdout.write(f"{json.dumps(codes)}\n")
        sys.stdout.flush()


def _become(argv: list[str], cwd: str, env: dict[str, str], log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv, sys.orig_argv, sys.path[0] = argv[1:], argv, cwd
    random.seed()
    np.random.seed()
    for name in env[ARMED].split():
        import_module(name).arm()
    runpy.run_path(str(Path(argv[1]).absolute()), run_name="__main__")


if __name__ == "__main__":
    import numpy as np
    import torch._dynamo  # noqa: F401  # the first optimizer would import it

    from samerun.tracing.launch.injection import ARMED

    main()
