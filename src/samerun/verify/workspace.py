"""The folder that a run is made in: a copy of the one its owner runs it in, so that nothing there can change.

Links within the folder become links within the copy. To data and environments there are links.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from samerun.errors import VerifyError
from samerun.verify.script import OUT, Script, below

__all__ = ["Workspace"]

# Bytes of a file, bytes of all and files of a copy at most; what is larger must be said to be data.
_LARGEST, _TOTAL, _MOST = 64 << 20, 1 << 30, 20_000
# What a run would not find on a machine where nothing was run before.
_LEFT_OUT = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a run is made, and where it leaves what it tells of itself.

    Attributes:
        root: everything of it lies below.
        all: the folder that all workspaces lie in.
        called: what its first process is called in sentences.
    """

    root: Path
    all: Path
    called: str = "this run"

    @classmethod
    def make(cls, root: Path, script: Script, all_of_them: Path, called: str = "this run") -> Workspace:
        """Make one: a copy of the script's folder, and an empty folder for output.

        Args:
            root: of the workspace; it must not exist.
            script: whose folder is copied.
            all_of_them: the folder that all workspaces lie in, which is not copied.
            called: what its first process is called in sentences.

        Raises:
            VerifyError: if that is more than one should copy for each run, or if a link leads out of it.
        """
        found = cls(root, all_of_them, called)
        found.out.mkdir(parents=True)
        _Copy(script, all_of_them.resolve()).copy(script.cwd, found.cwd)
        return found

    @property
    def cwd(self) -> Path:
        """The folder that the script is run in."""
        return self.root / "work"

    @property
    def out(self) -> Path:
        """The folder that ``{out}`` stands for."""
        return self.root / "out"

    @property
    def compiled(self) -> Path:
        """Where torch.compile keeps what it made, so that not every run has to make it anew."""
        return self.all / "compiled"

    @property
    def report(self) -> Path:
        """What the processes tell of themselves."""
        return self.root / "report.jsonl"

    def trace(self, number: int) -> Path:
        """Return the trace of the process of a number, from 0."""
        again = f", number {number}" if number > 1 else ""
        return self.root / f"{self.called if number == 0 else f'the resumed run{again}'}.trace"

    def log(self, number: int) -> Path:
        """Return what a process printed."""
        return self.root / f"{number}.log"

    def remove_copies(self) -> None:
        """Remove what the script read and wrote, and keep what was recorded."""
        for folder in (self.cwd, self.out):
            shutil.rmtree(folder, ignore_errors=True)


class _Copy:
    def __init__(self, script: Script, avoid: Path) -> None:
        self._script = script
        self._avoid = avoid
        self._files = 0
        # Bytes, by the name that they lie below in the folder.
        self._bytes: Counter[str] = Counter()

    def copy(self, source: Path, target: Path) -> None:
        """Copy a folder."""
        target.mkdir()
        with os.scandir(source) as entries:
            for entry in entries:
                path, copy = Path(entry.path), target / entry.name
                # A link to itself has no place that it resolves to.
                if entry.name in _LEFT_OUT or os.path.realpath(path) == os.fspath(self._avoid):
                    continue
                if self._script.is_linked(path):
                    copy.symlink_to(path.resolve())
                elif entry.is_symlink():
                    self._link(path, copy)
                elif entry.is_dir():
                    self.copy(path, copy)
                elif entry.is_file():
                    self._check(path, entry.stat().st_size)
                    shutil.copy2(path, copy)

    def _link(self, path: Path, copy: Path) -> None:
        """Make a link to the copy of what a link leads to."""
        top = self._script.cwd
        inside = below(top, path.parent / path.readlink()) or below(top, path.resolve())
        if inside is not None:
            copy.symlink_to(os.path.relpath(top / inside, path.parent))
        elif path.exists():  # one that leads nowhere is left out: what is written there would come into being outside
            name = shlex.quote(str(path.relative_to(top)))
            raise VerifyError(
                str(path),
                f"is a link to {path.resolve()}, which is not copied, and what a run writes there would be found by the"
                f" next; if it is only read, say so: --data {name}; otherwise remove the link, or write to {OUT}",
            )

    def _check(self, path: Path, size: int) -> None:
        name = path.relative_to(self._script.cwd).parts[0]
        self._files += 1
        self._bytes[name] += size
        if size > _LARGEST:
            found = f"is a file of {size:,} bytes"
        elif self._files > _MOST:
            found = f"is file number {self._files:,}"
        elif (total := self._bytes.total()) > _TOTAL:
            found = f"is one of {self._files:,} files of {total:,} bytes"
            name = max(self._bytes, key=self._bytes.__getitem__)
        else:
            return
        raise VerifyError(
            str(path),
            f"{found}, and the folder is copied for each run; say what the script only reads, so that it is linked:"
            f" --data {shlex.quote(name)}",
        )
