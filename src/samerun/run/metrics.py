"""The metrics of a run: a file of JSON lines that holds each step once, whatever happened in between."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import torch

from samerun.checkpoint.files import Files
from samerun.errors import CheckpointError, Problem, RunError, SamerunWarning, StateError

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
        self._files = Files()
        # Without a buffer, of which a forked child would write a copy.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        self._size = os.lseek(self._descriptor, 0, os.SEEK_END)

    def log(self, where: Mapping[str, int], values: Mapping[str, Any]) -> None:
        """Append a line with the given place and values.

        Raises:
            StateError: for a value that is no number; nothing was written.
            CheckpointError: if the disk did not take the line; those before it are as they were.
        """
        numbers = {name: _number(name, value) for name, value in values.items()}
        if taken := numbers.keys() & where.keys():
            raise StateError([Problem(name, "a value", "another name; every line has this one") for name in taken])
        line = json.dumps({**where, **numbers}).encode() + b"\n"
        try:
            self._files.write(self._descriptor, line)
        except OSError as error:
            with suppress(OSError):  # the failure is what matters
                self._go_to(self._size)
            raise CheckpointError(str(self.path), f"a line was not written: {error}; those before it stay") from error
        self._size += len(line)
        self.last.update(numbers)

    def sync(self) -> int:
        """Wait until all lines are on the disk; return how many bytes they are.

        Raises:
            CheckpointError: if the disk did not take them.
        """
        try:
            self._files.sync(self._descriptor)
        except OSError as error:
            raise CheckpointError(str(self.path), f"lines were not written: {error}") from error
        return self._size

    def size(self) -> int:
        """Return how many bytes there are."""
        return self._size

    def cut(self, size: int) -> None:
        """Forget what was logged behind a checkpoint, when there were so many bytes; if there are fewer, they stay."""
        self._size = min(size, self._size)
        self._go_to(self._size)

    def begin(self, *, own: bool) -> None:
        """Begin with an empty file.

        Args:
            own: whether what is there was logged by this run, on the way to its first checkpoint, and will be again.
                Otherwise it is kept under another name, with a warning.

        Raises:
            RunError: if it cannot be kept.
        """
        if self._size and not own:
            aside = next(
                path for number in count(1) if not (path := self.path.with_suffix(f".{number}.jsonl")).exists()
            )
            try:
                aside.write_bytes(self.path.read_bytes())
            except OSError as error:
                raise RunError(str(self.path), f"is of another run, and was not copied to {aside}: {error}") from error
            text = f"{self.path} is there and no checkpoint that it belongs to; its lines are now in {aside.name}"
            warnings.warn(text, SamerunWarning, stacklevel=5)
        self.cut(0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _go_to(self, size: int) -> None:
        os.truncate(self._descriptor, size)
        os.lseek(self._descriptor, size, os.SEEK_SET)


def _number(name: str, value: Any) -> float:
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    elif hasattr(value, "item") and not isinstance(value, torch.Tensor) and getattr(value, "size", 1) == 1:
        value = value.item()  # of NumPy
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**1023):
        return value
    found = "an integer of more than 1023 bits" if isinstance(value, int) else repr(value)
    raise StateError([Problem(name, found, "a number, or a tensor of one element")])
