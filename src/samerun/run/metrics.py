"""The metrics of a run: a file of JSON lines that holds each step once, whatever happened in between."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from samerun.errors import Problem, RunError, StateError

__all__ = ["Metrics"]


class Metrics:
    """Appends lines to ``metrics.jsonl``; a checkpoint holds how long the file was, and resuming cuts it there.

    Args:
        path: of the file.

    Attributes:
        last: the values logged last, by name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last: dict[str, float] = {}
        # Without a buffer, of which a forked child would write a copy.
        self._file = path.open("ab", buffering=0)

    def log(self, where: Mapping[str, int], values: Mapping[str, Any]) -> None:
        """Append a line with the given place and values.

        Raises:
            StateError: for a value that is no number; nothing was written.
        """
        numbers = {name: _number(name, value) for name, value in values.items()}
        if taken := numbers.keys() & where.keys():
            raise StateError([Problem(name, "a value", "another name; every line has this one") for name in taken])
        self.last.update(numbers)
        self._file.write(json.dumps({**where, **numbers}).encode() + b"\n")

    def sync(self) -> int:
        """Wait until all lines are on the disk; return how many bytes they are."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def cut(self, size: int, *, exactly: bool = True) -> None:
        """Forget what was logged behind a checkpoint.

        Args:
            size: how many bytes there were then.
            exactly: whether it is an error if there are fewer; otherwise lines are added to what is left.

        Raises:
            RunError: then.
        """
        found = self.path.stat().st_size
        if found < size and exactly:
            reason = f"has {found} bytes and had {size} when the checkpoint was made"
            raise RunError(str(self.path), f"{reason}; put it back, or pass waive=['metrics'] to go on without")
        size = min(size, found)
        self._file.truncate(size)
        self._file.seek(size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _number(name: str, value: Any) -> float:
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    elif hasattr(value, "item") and not isinstance(value, torch.Tensor) and getattr(value, "size", 1) == 1:
        value = value.item()  # of NumPy
    if isinstance(value, bool | int | float):
        return value
    raise StateError([Problem(name, repr(value), "a number, or a tensor of one element")])
