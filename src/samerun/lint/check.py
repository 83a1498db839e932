"""Files are found, read and checked, and their findings come in order."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from samerun.errors import LintError
from samerun.lint import source
from samerun.lint.cache import Cache
from samerun.lint.config import Config, read_nearest
from samerun.lint.file import File
from samerun.lint.finding import Finding, Range
from samerun.lint.noqa import Silence
from samerun.lint.project import Project
from samerun.lint.registry import chosen
from samerun.lint.report import UNREADABLE, Report
from samerun.lint.rule import Rule
from samerun.lint.source import UnreadableError

__all__ = ["Linter", "lint_bytes", "lint_paths", "lint_text"]

_SUFFIXES = (".py", ".pyi", ".ipynb")
# Folders that hold other people's code or none. Those whose names begin with a dot are left out as well.
_SKIPPED = frozenset(
    "__pycache__ __pypackages__ node_modules site-packages venv env build dist buck-out _build".split()
)


@dataclass(frozen=True, slots=True)
class Linter:
    """Checks files by the settings of the projects they are in, and by what is asked for beyond these.

    Attributes:
        select: codes in place of those that a project selects.
        ignore: codes beside those that it ignores.
        pedantic: whether to say what may well be meant, whatever it says.
        cache: whether to keep what was found, and to answer from it, in projects that have a `pyproject.toml`.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    pedantic: bool = False
    cache: bool = False

    def paths(self, paths: Iterable[Path]) -> Iterator[Report]:
        """Yield a report for each file, sorted by path; folders are searched, files are taken as they are.

        Raises:
            LintError: for a path that is not there, and settings that cannot be used.
        """
        project, configs = Project(), _Configs()
        for path in _files(paths, configs):
            yield self._kept(path, project, configs.of(path.parent))

    def bytes(self, data: bytes, path: Path, project: Project | None = None, config: Config | None = None) -> Report:
        """Return the report on the bytes of a file, which need not be on the disk."""
        config = config if config is not None else read_nearest(path.parent)
        rules, pedantic = self._asked(path, config)
        try:
            file = File.of(data, path, project if project is not None else Project())
            findings = tuple(_checked(file, rules, pedantic))
        except UnreadableError as problem:
            return Report(path, (_unreadable(problem),), None, data)
        except RecursionError:
            deep = UnreadableError(str(path), "is nested too deeply to be checked")
            return Report(path, (_unreadable(deep),), None, data)
        return Report(path, findings, file, data)

    def _asked(self, path: Path, config: Config) -> tuple[tuple[Rule, ...], bool]:
        """Return the rules that a file is checked by, and whether to say what may well be meant."""
        pedantic = self.pedantic or config.pedantic
        ignore = (*config.ignore, *self.ignore, *config.ignored(path))
        return chosen(self.select or config.select, ignore, pedantic), pedantic

    def _kept(self, path: Path, project: Project, config: Config) -> Report:
        """Return the report on a file on the disk, from the cache if it is there."""
        try:
            data = source.read_bytes(path)
        except UnreadableError as problem:
            return Report(path, (_unreadable(problem),))
        if not self.cache or config.folder is None:
            return self.bytes(data, path, project, config)
        cache, asked = Cache(config.folder, project), self._asked(path, config)
        findings = cache.get(path, data, *asked)
        if findings is not None:
            return Report(path, findings, None, data)
        report = self.bytes(data, path, project, config)
        cache.put(path, data, *asked, report.findings)
        return report


def lint_paths(
    paths: Iterable[Path | str],
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    pedantic: bool = False,
    cache: bool = False,
) -> list[Report]:
    """Check files and folders.

    Args:
        paths: files, and folders that are searched for Python files and notebooks.
        select: codes of the rules, or how they begin, in place of those that the project selects.
        ignore: codes of those left out beside those that the project ignores.
        pedantic: whether to say what may well be meant.
        cache: whether to keep what was found beside a project's `pyproject.toml`, and to answer from it.

    Returns:
        A report for each file, sorted by path.

    Raises:
        LintError: for a path or a code that is not there, and for settings that cannot be used.
    """
    linter = Linter(tuple(select), tuple(ignore), pedantic, cache)
    return list(linter.paths(Path(path) for path in paths))


def lint_text(text: str, filename: str = "<text>.py", *, select: Iterable[str] = (), pedantic: bool = False) -> Report:
    """Check a text as if it stood in a file of a project without settings."""
    return lint_bytes(source.as_bytes(text), filename, select=select, pedantic=pedantic)


def lint_bytes(
    data: bytes, filename: str = "<text>.py", *, select: Iterable[str] = (), pedantic: bool = False
) -> Report:
    """Check bytes as if they stood in a file of a project without settings."""
    return Linter(tuple(select), (), pedantic).bytes(data, Path(filename), None, Config())


def _checked(file: File, rules: Iterable[Rule], pedantic: bool) -> list[Finding]:
    silence = Silence(file)
    found = [finding for rule in rules for finding in rule.check(file) if pedantic or not finding.pedantic]
    # One place is told of once, though it may be meant for one of two uses: what is certain is said first.
    once: dict[tuple[str, str, Range], Finding] = {}
    for finding in sorted(found, key=lambda finding: finding.pedantic):
        once.setdefault((finding.code, finding.message, finding.range), finding)
    found = [finding for finding in once.values() if not silence.covers(finding)]
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
    """Return the files to check, each once, under the name that it was first found by."""
    found: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            several = _below(path, configs)
        elif os.path.lexists(path):
            several = iter([path])
        else:
            raise LintError(str(path), "is not there")
        for one in several:
            found.setdefault(os.path.abspath(one), one)  # noqa: PTH100 - links are not followed
    return sorted(found.values())


def _below(folder: Path, configs: _Configs) -> Iterator[Path]:
    closed: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=closed.append):
        here = Path(place)
        config = configs.of(here)
        folders[:] = [
            name
            for name in folders
            if name not in _SKIPPED and not name.startswith(".") and not config.excludes(here / name)
        ]
        for name in names:
            file = here / name
            if name.endswith(_SUFFIXES) and not name.startswith(".") and not config.excludes(file) and _may_read(file):
                yield file
    # Reading what cannot be searched fails as searching it did, and is reported.
    yield from (Path(error.filename) for error in closed)


def _may_read(path: Path) -> bool:
    """Return whether a file is one that reading comes to an end of: a pipe may wait for ever."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True  # reading says why not
