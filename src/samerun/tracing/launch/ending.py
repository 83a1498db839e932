"""How a process that was started in a session of its own is looked at and ended, with those of its session."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

__all__ = ["has_ended", "kill_group"]


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process ended, without waiting for it where that can be asked: as a zombie it keeps its number.

    macOS can be asked from Python 3.13. Before, the process is waited for, and its group is to be killed at once: as
    long as one of the group lives, the system gives its number to nobody else.
    """
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and those of its session, such as the workers of a loader, without a chance to save anything.

    Nobody else has waited for the process yet: once that is done, its number may be that of somebody else's group.
    """
    with suppress(ProcessLookupError, PermissionError):  # where only a zombie is left, some systems refuse
        os.killpg(process.pid, signal.SIGKILL)
