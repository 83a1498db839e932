"""The rules of ``samerun lint`` as a plugin of flake8, which finds it by its entry point and has codes begin with SR.

What is selected and ignored is flake8's to say, beside the settings of the project in ``[tool.samerun.lint]``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from samerun._version import __version__
from samerun.lint import Linter, source
from samerun.lint.project import Project

__all__ = ["Plugin"]


class Plugin:
    """Checks one file when flake8 runs it.

    Args:
        tree: the parsed file, by which flake8 knows that this is run once for each file that can be parsed.
        filename: what it is called.
        lines: its text, each line with its end.
    """

    name = "samerun"
    version = __version__

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str]) -> None:
        self._path = Path(filename)
        self._text = "".join(lines)

    def run(self) -> Iterator[tuple[int, int, str, type[Plugin]]]:
        """Yield line from 1, column from 0, code with message, and this class for each finding."""
        report = Linter().bytes(source.as_bytes(self._text), self._path, _project())
        for finding in report.findings:
            yield finding.range.line, finding.range.column - 1, f"{finding.code} {finding.message}", type(self)


@cache
def _project() -> Project:
    """Return what was read so far: the modules that several files import are read once in each process of flake8's."""
    return Project()
