"""The settings of a project: ``[tool.samerun.lint]`` in its ``pyproject.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from samerun.errors import LintError
from samerun.lint.registry import chosen
from samerun.pyproject import FILE, Kinds, settings, strings

__all__ = ["Config", "read", "read_nearest"]

_TABLE = "tool.samerun.lint"


@dataclass(frozen=True, slots=True)
class Config:
    """What a project says about how it is checked.

    Attributes:
        select: codes of the rules, or how they begin; none for all.
        ignore: those that are left out.
        per_file_ignores: patterns of files, each with the codes that are left out there.
        exclude: patterns of files and folders that are not looked into.
        pedantic: whether to say what may well be meant.
        folder: where the patterns are seen from.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    exclude: tuple[str, ...] = ()
    pedantic: bool = False
    folder: Path | None = None

    def excludes(self, path: Path) -> bool:
        """Return whether a file or a folder around it fits a pattern of `exclude`."""
        here = self._seen(path)
        places = (here, *here.parents)
        return any(_fits(place, pattern) for place in places for pattern in self.exclude)

    def ignored(self, path: Path) -> tuple[str, ...]:
        """Return what is ignored in a file, beside what is ignored everywhere."""
        here = self._seen(path)
        places = (here, *here.parents)
        return tuple(
            code
            for pattern, codes in self.per_file_ignores
            if any(_fits(place, pattern) for place in places)
            for code in codes
        )

    def _seen(self, path: Path) -> Path:
        whole = path.absolute()
        return whole.relative_to(self.folder) if self.folder is not None and self.folder in whole.parents else whole


def _fits(path: Path, pattern: str) -> bool:
    pattern = pattern.rstrip("/")
    return fnmatch(path.as_posix(), pattern) or ("/" not in pattern and fnmatch(path.name, pattern))


def read_nearest(folder: Path) -> Config:
    """Return the settings of the nearest project around a folder; the default ones if there is none.

    Raises:
        LintError: as `read`.
    """
    for place in (folder.absolute(), *folder.absolute().parents):
        if (place / FILE).is_file():
            return read(place / FILE)
    return Config()


def read(path: Path) -> Config:
    """Return the settings in a file.

    Raises:
        LintError: if it is no TOML, or has a key or a code that there is not, or a value of another kind.
    """
    return Config(**settings(path, _TABLE, _KINDS, LintError), folder=path.parent.absolute())


def _codes(value: object) -> tuple[str, ...]:
    codes = strings(value)
    chosen(codes, ())
    return codes


def _by_file(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise TypeError
    return tuple((pattern, _codes(codes)) for pattern, codes in value.items())


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


# What a value must be, in words, and what makes it of what TOML has.
_KINDS: Kinds = {
    "select": ("a list of codes", _codes),
    "ignore": ("a list of codes", _codes),
    "per-file-ignores": ("a table of lists of codes by patterns of files", _by_file),
    "exclude": ("a list of patterns of files and folders", strings),
    "pedantic": ("true or false", _switch),
}
