"""The settings of a project: ``[tool.samerun.verify]`` in its ``pyproject.toml``."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from samerun.errors import VerifyError
from samerun.pyproject import FILE, Kinds, settings, strings

__all__ = ["Config", "read", "read_only"]

_TABLE = "tool.samerun.verify"


@dataclass(frozen=True, slots=True)
class Config:
    """What a project says about how it is tried out.

    Attributes:
        command: program and arguments.
        resume_cmd: the same for going on after it was interrupted.
        steps: optimizer steps after which a run is ended.
        timeout: seconds that one run may take.
        jobs: how many runs are made side by side.
        only: scenarios that are tried.
        skip: scenarios that are not.
        data: files and folders that are only read.
        baseline: the file with the differences that are accepted.
    """

    command: tuple[str, ...] = ()
    resume_cmd: tuple[str, ...] = ()
    steps: int | None = None
    timeout: float | None = None
    jobs: int | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    baseline: Path | None = None


def read(folder: Path) -> Config:
    """Return the settings of the project in a folder; the default ones if it has none.

    Raises:
        VerifyError: if the file is no TOML, or has a key that there is not, or a value of another kind.
    """
    path = folder / FILE
    return Config(**settings(path, _TABLE, _KINDS, VerifyError)) if path.is_file() else Config()


def read_only(names: Collection[str], folder: Path) -> frozenset[str]:
    """Return the names of files and folders below a folder, as seen from there.

    Raises:
        VerifyError: for one that is not there, or not below it.
    """
    found = set()
    for name in names:
        path = folder / name
        if not path.exists():
            raise VerifyError(f"--data {name}", f"is not there; a path from {folder} is expected")
        # Links are not followed: what they lead to may lie elsewhere.
        whole = Path(*_without_dots(path.absolute()))
        if folder.absolute() not in whole.parents:
            raise VerifyError(f"--data {name}", f"is not below {folder}; what lies elsewhere is not copied anyway")
        found.add(str(whole.relative_to(folder.absolute())))
    return frozenset(found)


def _without_dots(path: Path) -> list[str]:
    found: list[str] = []
    for part in path.parts:
        if part == "..":
            found.pop()
        else:
            found.append(part)
    return found


def _words(value: object) -> tuple[str, ...]:
    return tuple(shlex.split(value)) if isinstance(value, str) else strings(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    if not value > 0:
        raise ValueError
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError
    return int(_number(value))


def _path(value: object) -> Path:
    if not isinstance(value, str):
        raise TypeError
    return Path(value)


# What a value must be, in words, and what makes it of what TOML has.
_KINDS: Kinds = {
    "command": ("a text as in the shell, or a list of texts", _words),
    "resume-cmd": ("a text as in the shell, or a list of texts", _words),
    "steps": ("a whole number from 1", _whole),
    "timeout": ("a number of seconds above 0", _number),
    "jobs": ("a whole number from 1", _whole),
    "only": ("a list of scenarios", strings),
    "skip": ("a list of scenarios", strings),
    "data": ("a list of paths", strings),
    "baseline": ("a path", _path),
}
