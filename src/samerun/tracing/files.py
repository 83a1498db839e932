"""The files of a traced run: one for each process, beside that of rank 0."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["rank_path", "siblings"]


def rank_path(path: Path, rank: int) -> Path:
    """Return the file of a rank: ``A.trace`` for rank 0, ``A.rank3.trace`` for rank 3."""
    return path if rank == 0 else path.with_name(f"{path.stem}.rank{rank}{path.suffix}")


def siblings(path: Path) -> dict[str, Path]:
    """Return the files of a traced run by its processes' names: ``rank 0``, ``rank 1``, ..., ``process 2``."""
    found = {"rank 0": path} if path.exists() else {}
    pattern = re.compile(rf"{re.escape(path.stem)}\.(rank|pid)(\d+){re.escape(path.suffix)}")
    matches = (match for entry in path.parent.glob("*") if (match := pattern.fullmatch(entry.name)))
    for match in sorted(matches, key=lambda match: (match[1] != "rank", int(match[2]))):
        found[f"{'rank' if match[1] == 'rank' else 'process'} {int(match[2])}"] = path.with_name(match[0])
    return found
