"""Files are found, read and checked, and their findings come in order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from samerun.errors import LintError
from samerun.lint import source
from samerun.lint.config import Config, read_nearest
from samerun.lint.file import File
from samerun.lint.finding import Finding, Range
from samerun.lint.noqa import Silence
from samerun.lint.project import Project
from samerun.lint.registry import chosen
from samerun.lint.rule import Rule
from samerun.lint.source import UnreadableError

__all__ = ["UNREADABLE", "Linter", "Report", "lint_bytes", "lint_paths", "lint_text"]

#: The code of what is said of a file, or a cell, that cannot be read.
UNREADABLE = "SR000"

_SUFFIXES = (".py", ".pyi", ".ipynb")
# Folders that hold other people's code or none. Those whose names begin with a dot are left out as well.
_SKIPPED = frozenset(
    "__pycache__ __pypackages__ node_modules site-packages venv env build dist buck-out _build".split()
)


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say of one file.

    Attributes:
        path: the file.
        findings: in the order of the text.
        file: what was read; None if it could not be.
        data: the bytes that were read.
    """

    path: Path
    findings: tuple[Finding, ...]
    file: File | None = None
    data: bytes = b""

    @property
    def readable(self) -> bool:
        """Whether all of the file could be read."""
        return not any(finding.code == UNREADABLE for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Linter:
    """Checks files by the settings of the projects they are in, and by what is asked for beyond these.

    Attributes:
        select: codes in place of those that a project selects.
        ignore: codes beside those that it ignores.
        pedantic: whether to say what may well be meant, whatever it says.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    pedantic: bool = False

    def paths(self, paths: Iterable[Path]) -> Iterator[Report]:
        """Yield a report for each file, sorted by path; folders are searched, files are taken as they are.

        Raises:
            LintError: for a path that is not there, and settings that cannot be used.
        """
        project, configs = Project(), _Configs()
        for path in _files(paths, configs):
            try:
                data = source.read_bytes(path)
            except UnreadableError as problem:
                yield Report(path, (_unreadable(problem),))
                continue
            yield self.bytes(data, path, project, configs.of(path.parent))

    def bytes(self, data: bytes, path: Path, project: Project | None = None, config: Config | None = None) -> Report:
        """Return the report on the bytes of a file, which need not be on the disk."""
        config = config if config is not None else read_nearest(path.parent)
        pedantic = self.pedantic or config.pedantic
        rules = chosen(self.select or config.select, (*config.ignore, *self.ignore, *config.ignored(path)), pedantic)
        try:
            file = File.of(data, path, project if project is not None else Project())
            findings = tuple(_checked(file, rules, pedantic))
        except UnreadableError as problem:
            return Report(path, (_unreadable(problem),), None, data)
        except RecursionError:
            deep = UnreadableError(str(path), "is nested too deeply to be checked")
            return Report(path, (_unreadable(deep),), None, data)
        return Report(path, findings, file, data)


def lint_paths(
    paths: Iterable[Path | str], *, select: Iterable[str] = (), ignore: Iterable[str] = (), pedantic: bool = False
) -> list[Report]:
    """Check files and folders.

    Args:
        paths: files, and folders that are searched for Python files and notebooks.
        select: codes of the rules, or how they begin, in place of those that the project selects.
        ignore: codes of those left out beside those that the project ignores.
        pedantic: whether to say what may well be meant.

    Returns:
        A report for each file, sorted by path.

    Raises:
        LintError: for a path or a code that is not there, and for settings that cannot be used.
    """
    linter = Linter(tuple(select), tuple(ignore), pedantic)
    return list(linter.paths(Path(path) for path in paths))


def lint_text(text: str, filename: str = "<text>.py", *, select: Iterable[str] = (), pedantic: bool = False) -> Report:
    """Check a text as if it stood in a file of a project without settings."""
    return lint_bytes(text.encode(), filename, select=select, pedantic=pedantic)


def lint_bytes(
    data: bytes, filename: str = "<text>.py", *, select: Iterable[str] = (), pedantic: bool = False
) -> Report:
    """Check bytes as if they stood in a file of a project without settings."""
    return Linter(tuple(select), (), pedantic).bytes(data, Path(filename), None, Config())


def _checked(file: File, rules: Iterable[Rule], pedantic: bool) -> list[Finding]:
    silence = Silence(file)
    found = [finding for rule in rules for finding in rule.check(file) if pedantic or not finding.pedantic]
    found = [finding for finding in dict.fromkeys(found) if not silence.covers(finding)]
    if file.notebook is not None:
        for cell in file.notebook.cells:
            if cell.problem is not None:
                finding = _unreadable(cell.problem)
                found.append(replace(finding, range=replace(finding.range, cell=cell.number)))
    return sorted(found, key=lambda finding: (finding.range.cell, finding.range, finding.code))


def _unreadable(problem: UnreadableError) -> Finding:
    place = Range(problem.line, problem.column, problem.line, problem.column + 1)
    return Finding(UNREADABLE, problem.reason, place)


class _Configs:
    """The settings by folder, each file of which is read once."""

    def __init__(self) -> None:
        self._found: dict[Path, Config] = {}

    def of(self, folder: Path) -> Config:
        if folder not in self._found:
            self._found[folder] = read_nearest(folder)
        return self._found[folder]


def _files(paths: Iterable[Path], configs: _Configs) -> list[Path]:
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found.update(_below(path, configs))
        elif os.path.lexists(path):
            found.add(path)
        else:
            raise LintError(str(path), "is not there")
    return sorted(found)


def _below(folder: Path, configs: _Configs) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        here = Path(place)
        config = configs.of(here)
        folders[:] = [
            name
            for name in folders
            if name not in _SKIPPED and not name.startswith(".") and not config.excludes(here / name)
        ]
        for name in names:
            if name.endswith(_SUFFIXES) and not config.excludes(here / name):
                yield here / name
