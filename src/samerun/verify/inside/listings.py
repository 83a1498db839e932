"""Directories are listed in another order, as another file system might."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]


def disturb(_: Process, setting: int) -> None:
    """Order the entries of every directory by a hash of their names; each number gives another order."""
    listdir, scandir = os.listdir, os.scandir

    def place(name: str | bytes) -> bytes:
        return hashlib.blake2b(os.fsencode(name), salt=setting.to_bytes(16, "little")).digest()

    @wraps(listdir)
    def listed(path: Any = None) -> list[Any]:
        return sorted(listdir(path), key=place)

    @wraps(scandir)
    def scanned(path: Any = None) -> _Entries:
        with scandir(path) as entries:
            return _Entries(sorted(entries, key=lambda entry: place(entry.name)))

    vars(os).update(listdir=listed, scandir=scanned)


class _Entries:
    """What ``os.scandir`` returns: an iterator that can be closed."""

    def __init__(self, entries: list[os.DirEntry[Any]]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[os.DirEntry[Any]]:
        return self

    def __next__(self) -> os.DirEntry[Any]:
        return next(self._entries)

    def close(self) -> None:
        """Give no more entries."""
        self._entries = iter(())

    def __enter__(self) -> _Entries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
