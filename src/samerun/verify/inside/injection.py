"""Inside a process of a script that is tried out: what disturbs it is put in its place before its first line."""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

from samerun.verify.inside.process import Process

__all__ = ["VARIABLE", "arm"]

#: The environment variable that holds, as JSON, what disturbs the process, and where it tells of itself.
VARIABLE = "SAMERUN_VERIFY"

# Always there: they tell what the script does and where it is.
_WATCHES = ("saves", "position", "framework")


def arm() -> None:
    """Put every disturbance of this process in its place; each is a module of this package."""
    told = json.loads(os.environ[VARIABLE])
    process = Process(Path(told["report"]))
    if sys.platform == "linux" and os.getppid() == told["owner"]:
        _end_with_owner()
    try:
        for name, setting in {**dict.fromkeys(_WATCHES), **told["disturbances"]}.items():
            import_module(f"samerun.verify.inside.{name}").disturb(process, setting)
    except Exception as error:
        # Without it the verdict would be about another process than it says.
        process.tell("failed", reason=f"{type(error).__name__}: {error}")
        sys.stderr.write(f"samerun: this process cannot be tried out: {type(error).__name__}: {error}\n")
        os._exit(70)


def _end_with_owner() -> None:
    """Have this process killed when the one that tries it out ends without having ended it, as by SIGKILL."""
    import ctypes

    # PR_SET_PDEATHSIG of Linux; what this process starts does not inherit it.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
