"""Comments that silence findings: ``# noqa: SR001 reason`` for a line, ``# samerun: noqa`` for a file."""

from __future__ import annotations

import re

from samerun.lint import source
from samerun.lint.file import File
from samerun.lint.finding import Finding

__all__ = ["Silence"]

_CODES = r"(?P<codes>:\s*[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*)?"
_LINE = re.compile(rf"#\s*noqa{_CODES}", re.IGNORECASE)
_FILE = re.compile(rf"#\s*samerun:\s*noqa{_CODES}", re.IGNORECASE)
_CODE = re.compile(r"[A-Z]+[0-9]+")


class Silence:
    """What the comments of a file silence. They are looked for only where "noqa" is in the text."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._lines: dict[int, frozenset[str]] = {}
        self._whole: list[frozenset[str]] = []
        if "noqa" not in file.text.lower():
            return
        for line, comment in source.comments(file.text).items():
            whole, here = _FILE.search(comment), _LINE.search(comment)
            if whole is not None:
                self._whole.append(_codes(whole))
            elif here is not None:
                self._lines[line] = _codes(here)

    def covers(self, finding: Finding) -> bool:
        """Return whether a comment silences a finding: in the line where it begins or ends, or for the file."""
        if not self._lines and not self._whole:
            return False
        first = self._file.text_line(finding.range)
        lines = {first, first + finding.range.end_line - finding.range.line}
        codes = [*self._whole, *(self._lines[line] for line in lines if line in self._lines)]
        return any(not named or finding.code in named for named in codes)


def _codes(found: re.Match[str]) -> frozenset[str]:
    """Return the codes that a comment names; none stands for all."""
    return frozenset(code.upper() for code in _CODE.findall((found["codes"] or "").upper()))
