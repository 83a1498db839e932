"""Every change a checkpoint makes on disk is one of the few operations here, so that a test can stop at each.

Reading goes through :func:`open_regular`, which follows no symbolic link and opens nothing but files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from samerun.errors import CheckpointError

__all__ = ["Buffer", "Files", "is_directory", "open_regular"]

Buffer = bytes | memoryview

# O_NOFOLLOW and O_NONBLOCK are missing on Windows, where the flags do not exist.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)


class Files:
    """The operations that change a disk; a subclass may count them, or fail."""

    def make_directory(self, path: Path) -> None:
        """Make a directory, whose parent must exist."""
        path.mkdir()

    def create(self, path: Path) -> int:
        """Open a new file for writing and return its descriptor; one that exists is an error."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | _BINARY, 0o666)

    def write(self, descriptor: int, data: Buffer) -> None:
        """Write all of the data."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, descriptor: int) -> None:
        """Wait until a file is on the disk."""
        os.fsync(descriptor)

    def sync_directory(self, path: Path) -> None:
        """Wait until the names in a directory are on the disk."""
        if os.name == "nt":  # a directory cannot be opened there
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, path: Path, target: Path) -> None:
        """Give a directory another name in the same parent."""
        path.rename(target)

    def remove(self, path: Path) -> None:
        """Remove a file, a link (not what it leads to) or an empty directory."""
        path.rmdir() if is_directory(path) else path.unlink()

    def write_file(self, path: Path, chunks: Iterable[Buffer]) -> None:
        """Write a new file and wait until it is on the disk."""
        descriptor = self.create(path)
        try:
            for chunk in chunks:
                self.write(descriptor, chunk)
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def remove_tree(self, path: Path) -> None:
        """Remove a directory and what is below, following no link."""
        if is_directory(path):
            for entry in sorted(path.iterdir()):
                self.remove_tree(entry)
        self.remove(path)


def is_directory(path: Path) -> bool:
    """Return whether there is a directory, as opposed to a link to one, a file or nothing."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def open_regular(path: Path) -> tuple[FileIO, int]:
    """Open a file for reading and return it with its size in bytes.

    Raises:
        CheckpointError: for a symbolic link, a pipe, a device or a directory.
        OSError: if there is no such file or it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_LINK | _NO_WAIT | _BINARY)
    except OSError as error:
        if path.is_symlink():
            raise CheckpointError(str(path), "found a symbolic link, expected a file") from error
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise CheckpointError(str(path), "found no regular file, expected one")
    return os.fdopen(descriptor, "rb", buffering=0), status.st_size
