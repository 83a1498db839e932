"""Which process this is, which file is its, and what is written at the head of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch.distributed as dist

from samerun._version import __version__
from samerun.determinism import environment
from samerun.determinism.hashseed import hash_seed
from samerun.errors import TraceError
from samerun.tracing.files import rank_path
from samerun.tracing.launch.injection import VARIABLE
from samerun.tracing.settings import Settings
from samerun.tracing.sites import is_user_file
from samerun.tracing.writer import Writer

__all__ = ["open_writer"]

# Characters of a git diff that are kept.
_DIFF = 1_000_000


def open_writer(settings: Settings) -> Writer:
    """Make the file of this process: its rank's, or the next free one if another process has that.

    Raises:
        TraceError: if none can be made.
    """
    rank, world_size = _rank()
    meta = _meta(settings, rank, world_size)
    path, number = rank_path(settings.path, rank), 0
    while True:
        try:
            return Writer(path, meta)
        except TraceError:
            if not path.exists():
                raise
        number += 1
        path = settings.path.with_name(f"{settings.path.stem}.pid{number}{settings.path.suffix}")


def _rank() -> tuple[int, int]:
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    rank, world_size = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    return (int(rank), int(world_size)) if rank.isdecimal() and world_size.isdecimal() else (0, 1)


def _meta(settings: Settings, rank: int, world_size: int) -> dict[str, Any]:
    return {
        "samerun": __version__,
        "command": {"argv": sys.orig_argv, "executable": sys.executable, "cwd": str(Path.cwd())},
        "environment": environment(),
        "pid": os.getpid(),
        "rank": rank,
        "world_size": world_size,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": _git(),
        "config": {
            "path": str(settings.path),
            "begun": "command" if VARIABLE in os.environ else "block",
            "level": settings.level,
            "steps": settings.steps,
            "every": settings.every,
            "record": sorted(settings.record),
        },
        "hashseed": hash_seed(),
        "source": _source(),
        "modules": _modules(),
    }


def _source() -> dict[str, str] | None:
    """Return path and SHA-256 of the script."""
    name = getattr(sys.modules.get("__main__"), "__file__", None)
    if not name or not Path(name).is_file():
        return None
    return {"path": str(Path(name).absolute()), "digest": hashlib.sha256(Path(name).read_bytes()).hexdigest()}


def _modules() -> dict[str, dict[str, str]]:
    """Return path and SHA-256 of the user's own modules that are imported, by name."""
    found, script = {}, sys.modules.get("__main__")
    for name, module in sorted(sys.modules.items()):
        # multiprocessing has the script under a second name.
        path = None if module is script else getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and is_user_file(path):
            with suppress(OSError):
                content = Path(path).read_bytes()
                found[name] = {"path": str(Path(path).absolute()), "digest": hashlib.sha256(content).hexdigest()}
    return found


def _git() -> dict[str, Any] | None:
    """Return the commit of the working directory and how tracked files differ from it."""
    commit = _output_of("git", "rev-parse", "HEAD")
    if commit is None:
        return None
    # Neither a user's pager nor a driver of theirs for differences is run.
    diff = _output_of("git", "--no-optional-locks", "diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD")
    found: dict[str, Any] = {"commit": commit.strip()}
    if diff:
        found.update(digest=hashlib.sha256(diff.encode()).hexdigest(), diff=diff[:_DIFF])
    return found


def _output_of(*command: str) -> str | None:
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):  # no git, no repository, or one that takes too long
        return None
    return answer.stdout
