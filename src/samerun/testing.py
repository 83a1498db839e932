"""Helpers for tests of code that saves and resumes.

A program that saves must survive a full disk and a kill at any moment. :class:`FailingStore` is a store whose disk
fails where a test wants it to; :class:`FaultyFiles` is what it fails with, and can end the process instead.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection
from os import PathLike
from pathlib import Path
from typing import Any

from samerun.checkpoint import Files, Store
from samerun.checkpoint.files import Buffer

__all__ = ["FailingStore", "FaultyFiles", "disk_full"]


def disk_full() -> None:
    """Raise the ``OSError`` of a full disk.

    Raises:
        OSError: ``ENOSPC``.
    """
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FaultyFiles(Files):
    """The operations on a disk, of which one fails.

    The events are ``create``, ``make_directory``, ``write``, ``sync``, ``sync_directory``, ``rename`` and ``remove``,
    each before it takes place. A write is two events: before it, and when half of the data is written.

    Args:
        at: which event, counted from 0.
        fault: called at that event. It may raise, or end the process with ``os._exit``; if it returns, nothing fails.
        only: the events that count; all by default.
        lasting: whether the fault comes at all later events that count as well, as on a disk that stays full.

    Attributes:
        events: what happened, in order, as ``(event, name of the file or directory)``; those that count.
    """

    def __init__(
        self,
        at: int,
        fault: Callable[[], object] = disk_full,
        *,
        only: Collection[str] | None = None,
        lasting: bool = False,
    ) -> None:
        self.events: list[tuple[str, str]] = []
        self._at = at
        self._fault = fault
        self._only = only
        self._lasting = lasting
        self._names: dict[int, str] = {}

    def _event(self, event: str, name: str) -> None:
        if self._only is not None and event not in self._only:
            return
        self.events.append((event, name))
        number = len(self.events) - 1
        if number == self._at or (self._lasting and number > self._at):
            self._fault()

    def make_directory(self, path: Path) -> None:
        self._event("make_directory", path.name)
        super().make_directory(path)

    def create(self, path: Path) -> int:
        self._event("create", path.name)
        descriptor = super().create(path)
        self._names[descriptor] = path.name
        return descriptor

    def write(self, descriptor: int, data: Buffer) -> None:
        half = len(data) // 2
        self._event("write", self._names[descriptor])
        super().write(descriptor, data[:half])
        self._event("write", self._names[descriptor])
        super().write(descriptor, data[half:])

    def sync(self, descriptor: int) -> None:
        self._event("sync", self._names[descriptor])
        super().sync(descriptor)

    def sync_directory(self, path: Path) -> None:
        self._event("sync_directory", path.name)
        super().sync_directory(path)

    def rename(self, path: Path, target: Path) -> None:
        self._event("rename", f"{path.name} -> {target.name}")
        super().rename(path, target)

    def remove(self, path: Path) -> None:
        self._event("remove", path.name)
        super().remove(path)


class FailingStore(Store):
    """A store whose disk is full at one write, or fails at whatever event and in whatever way a test asks for.

    Args:
        directory: as :class:`~samerun.checkpoint.Store`.
        at: as :class:`FaultyFiles`, which also describes the rest.
        fault: what happens; a full disk by default.
        only: the events that count; by default those that need space.
        lasting: whether the disk stays full.
        options: rank, world_size, barrier and payload of the store.

    >>> import tempfile
    >>> store = FailingStore(tempfile.mkdtemp(), at=1)
    >>> store.save(0, {"step": 0})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    samerun.errors.CheckpointError: ... step 0 was not saved: [Errno 28] No space left on device...
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        *,
        at: int,
        fault: Callable[[], object] = disk_full,
        only: Collection[str] | None = ("create", "make_directory", "write"),
        lasting: bool = False,
        **options: Any,
    ) -> None:
        self.files = FaultyFiles(at, fault, only=only, lasting=lasting)
        super().__init__(directory, files=self.files, **options)
