"""The journal: one entry for each executed cell, with the states before and after; the newest 1,000 are kept."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from samerun.errors import NotebookError
from samerun.notebook.draws import Span
from samerun.notebook.entry import Entry
from samerun.notebook.file import JournalFile
from samerun.notebook.states import changed

__all__ = ["KEPT", "Journal"]

#: How many entries are kept; one with draws from Python, NumPy and torch takes about 20 kB.
KEPT = 1000

_CELL = re.compile(r"\s*(?:In\s*\[\s*(\d+)\s*\]|#\s*(\d+))\s*")


class Journal:
    """The entries in the order of execution, in memory and, where wanted, in a file.

    Args:
        kept: how many entries are kept; older ones go. ``None`` for all.
    """

    def __init__(self, kept: int | None = KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._file: JournalFile | None = None
        self.kernel = 1

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __reversed__(self) -> Iterator[Entry]:
        return reversed(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def next_number(self) -> int:
        """The number that the next entry has."""
        return self._entries[-1].number + 1 if self._entries else 1

    @property
    def path(self) -> Path | None:
        """The file, if there is one."""
        return None if self._file is None else self._file.path

    def append(self, entry: Entry) -> None:
        """Add an entry.

        Raises:
            NotebookError: if it cannot be written to the file, which is given up then; in memory it is kept.
        """
        self._entries.append(entry)
        if self._file is None:
            return
        try:
            self._file.append(entry, self._entries)
        except OSError as error:
            path, self._file = self._file.path, None
            reason = f"cannot be written ({error}); the journal goes on in memory only"
            raise NotebookError(str(path), reason) from error

    def keep_in(self, path: Path) -> int:
        """Keep the journal in a file too; return how many entries were found there.

        Raises:
            NotebookError: if another kernel keeps its journal there, or it is no journal, or a damaged one. The
                journal is as it was then.
        """
        if self._file is not None and self._file.path == path:
            return 0
        opened = JournalFile(path)
        try:
            found = opened.read()
            last = found[-1] if found else None
            ours = [self._after(entry, last) for entry in self._entries]
            merged = deque([*found, *ours], self._entries.maxlen)
            opened.write(merged)
        except BaseException:
            opened.close()
            raise
        self.close()
        self._entries, self._file = merged, opened
        self.kernel += last.kernel if last else 0
        return len(found)

    def close(self) -> None:
        """Write to no file any more; what is there stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def find(self, cell: str) -> Entry:
        """Return an entry by ``In[12]``, the newest of this number, or by its own number, ``#34``.

        Raises:
            NotebookError: for another form, or if there is no such entry.
        """
        match = _CELL.fullmatch(cell)
        if match is None:
            raise NotebookError(cell or "nothing", "expected a cell such as In[12], or a number in the journal, #34")
        count, number = (int(digits) if digits else None for digits in match.groups())
        for entry in reversed(self._entries):
            if (entry.count if number is None else entry.number) == (count if number is None else number):
                return entry
        raise NotebookError(cell.strip(), f"is not in the journal, which has {self._extent()}")

    def between(self, entry: Entry) -> Span | None:
        """Return what was drawn since the entry before ended, as by threads; ``None`` if nothing or not known."""
        place = entry.number - self._entries[0].number - 1
        if place < 0:
            return None
        previous = self._entries[place]
        if previous.kernel != entry.kernel or not changed(previous.outside.after, entry.outside.before):
            return None
        return Span("", previous.outside.after, entry.outside.before)

    def _after(self, entry: Entry, last: Entry | None) -> Entry:
        if last is None:
            return entry
        return replace(entry, number=entry.number + last.number, kernel=entry.kernel + last.kernel)

    def _extent(self) -> str:
        if not self._entries:
            return "no entries yet"
        first, last = self._entries[0], self._entries[-1]
        return f"the newest {len(self)} cells: {first.name} (#{first.number}) to {last.name} (#{last.number})"
