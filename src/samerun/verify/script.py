"""The script that is tried out, as its owner runs it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from samerun.errors import VerifyError

__all__ = ["OUT", "Script", "below"]

#: Stands in a command for the folder that the script is to write into.
OUT = "{out}"

# Folders that no training writes into, and that may be large.
_READ = frozenset({".git", ".hg", ".venv", "venv", "node_modules", ".tox", ".nox", "site-packages"})


@dataclass(frozen=True, slots=True)
class Script:
    """A training script and what must be known of it.

    Attributes:
        argv: program and arguments; ``{out}`` in them becomes a folder of the run's own.
        resume: the same for going on after it was interrupted; the same command if empty.
        cwd: the folder that it is run in. Each run is made in a copy.
        data: files and folders below ``cwd`` that are only read; copies of them are links.
        steps: optimizer steps after which a run is ended; ``None`` for as long as the script takes.
        timeout: seconds that one run may take; if ``None``, an hour for the first one, and for each other ten times
            what that took and a minute more.

    Raises:
        VerifyError: for a command that is empty, and one whose program is not there.
    """

    argv: tuple[str, ...]
    resume: tuple[str, ...] = ()
    cwd: Path = field(default_factory=Path.cwd)
    data: frozenset[str] = frozenset()
    steps: int | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        if not self.argv:
            raise VerifyError("the command", "is empty; give one: samerun verify -- python train.py")
        for program in (self.argv[0], *self.resume[:1]):
            # As the system does, which looks for a name in PATH and for a path from the folder.
            if shutil.which(str(self.cwd / program) if os.sep in program else program) is None:
                raise VerifyError(program, "is no program; give the command as in the shell, such as: python train.py")

    def command(self, out: Path, *, resumed: bool) -> tuple[str, ...]:
        """Return program and arguments for a run in a copy of ``cwd`` that writes into a folder.

        Absolute paths of what is copied are given as seen from ``cwd``, so that the run has its copy of it.
        """
        program, *arguments = self.resume if resumed and self.resume else self.argv
        return (self._program(program), *(self._argument(part).replace(OUT, str(out)) for part in arguments))

    def is_linked(self, path: Path) -> bool:
        """Return whether a copy of ``cwd`` has a link to something below it: data, an environment, a repository."""
        named = str(path.relative_to(self.cwd)) in self.data
        return named or path.name in _READ or (path / "pyvenv.cfg").exists()

    def _program(self, program: str) -> str:
        if os.sep not in program:
            return program
        inside = below(self.cwd, Path(program))
        if inside is None or any(self.is_linked(self.cwd / folder) for folder in inside.parents[:-1]):
            return os.path.normpath(self.cwd.absolute() / program)
        return f"{os.curdir}{os.sep}{inside}"

    def _argument(self, argument: str) -> str:
        option, equals, value = ("", "", argument) if argument.startswith(os.sep) else argument.rpartition("=")
        if not value.startswith(os.sep) or (inside := below(self.cwd, Path(value))) is None:
            return argument
        return f"{option}{equals}{inside}"


def below(folder: Path, path: Path) -> Path | None:
    """Return a path, as seen from a folder that it lies in, itself included; ``None`` for one that lies elsewhere.

    The last part of it is not followed where it is a link, and the others only if the path as it is written lies
    elsewhere.
    """
    whole = Path(os.path.normpath(folder.absolute() / path))
    for found in (whole, whole.parent.resolve() / whole.name):
        for seen in (folder.absolute(), folder.resolve()):
            if found.is_relative_to(seen):
                return found.relative_to(seen)
    return None
