"""The script that is tried out, as its owner runs it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from samerun.errors import VerifyError

__all__ = ["OUT", "Script"]

#: Stands in a command for the folder that the script is to write into.
OUT = "{out}"


@dataclass(frozen=True, slots=True)
class Script:
    """A training script and what must be known of it.

    Attributes:
        argv: program and arguments; ``{out}`` in them becomes a folder of the run's own.
        resume: the same for going on after it was interrupted; the same command if empty.
        cwd: the folder that it is run in. Each run is made in a copy.
        data: files and folders below ``cwd`` that are only read; copies of them are links.
        steps: optimizer steps after which a run is ended; ``None`` for as long as the script takes.
        timeout: seconds that one run may take.
    """

    argv: tuple[str, ...]
    resume: tuple[str, ...] = ()
    cwd: Path = field(default_factory=Path.cwd)
    data: frozenset[str] = frozenset()
    steps: int | None = None
    timeout: float = 3600.0

    def __post_init__(self) -> None:
        if not self.argv:
            raise VerifyError("the command", "is empty; give one: samerun verify -- python train.py")
        program = self.argv[0]
        if shutil.which(program) is None and shutil.which(str(self.cwd / program)) is None:
            raise VerifyError(program, "is no program; give the command as in the shell, such as: python train.py")

    def command(self, out: Path, *, resumed: bool) -> tuple[str, ...]:
        """Return program and arguments for a run that writes into a folder."""
        argv = self.resume if resumed and self.resume else self.argv
        return tuple(part.replace(OUT, str(out)) for part in argv)
