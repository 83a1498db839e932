"""What there is to say of one file, with the text it is said of."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from samerun.lint import source
from samerun.lint.file import File
from samerun.lint.finding import Finding, Range
from samerun.lint.project import Project
from samerun.lint.source import UnreadableError

__all__ = ["UNREADABLE", "Report"]

#: The code of what is said of a file, or a cell, that cannot be read.
UNREADABLE = "SR000"


@dataclass(frozen=True)
class Report:
    """What there is to say of one file.

    Attributes:
        path: the file.
        findings: in the order of the text.
        parsed: what was made of the bytes, if it was made to find these.
        data: the bytes that were read.
    """

    path: Path
    findings: tuple[Finding, ...]
    parsed: File | None = field(default=None, repr=False, compare=False)
    data: bytes = b""

    @property
    def readable(self) -> bool:
        """Whether all of the file could be read."""
        return not any(finding.code == UNREADABLE for finding in self.findings)

    @cached_property
    def file(self) -> File | None:
        """What was read; None if it could not be. It is parsed again where the findings came from a cache."""
        if self.parsed is not None or any(found.code == UNREADABLE and not found.range.cell for found in self.findings):
            return self.parsed
        try:
            return File.of(self.data, self.path, Project())
        except UnreadableError:
            return None

    def line(self, range: Range) -> str:  # noqa: A002 - it is one
        """Return the first line of a stretch as it stands in the file or cell; nothing if it cannot be read."""
        if range.cell or self.parsed is not None:
            return self.file.line(range) if self.file is not None else ""
        lines = self._lines
        return lines[range.line - 1] if 0 < range.line <= len(lines) else ""

    def line_in_file(self, range: Range) -> int:  # noqa: A002
        """Return the line of the file that a stretch begins in; in a notebook that of its JSON."""
        notebook = self.file.notebook if range.cell and self.file is not None else None
        return range.line if notebook is None else notebook.line_in_file(range.cell, range.line)

    @cached_property
    def _lines(self) -> list[str]:
        try:
            return source.split(source.decode(self.data, str(self.path))[0])
        except UnreadableError:
            return []
