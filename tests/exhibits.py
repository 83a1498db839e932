"""The exhibits of the gallery: scripts with one thing planted, which are traced twice, and what must be said of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner, Result

import samerun
from samerun.cli.app import app

GALLERY = Path(__file__).parent / "gallery"
_SOURCE = str(Path(samerun.__file__).parent.parent)
_MARK = "# here"


@dataclass(frozen=True)
class Side:
    """How one of the two runs is started.

    Attributes:
        args: the script's arguments.
        env: environment variables beside those of the tests.
        after_a: whether it begins with what the first run left behind, as a resumed run does.
    """

    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    after_a: bool = False


@dataclass(frozen=True)
class Says:
    """What samerun must say.

    Attributes:
        same: that the runs are the same; then there is no more to say.
        cause: the name of the cause.
        step: of the first difference; ``None`` where chance decides.
        line: what names the line that is marked in the script: ``diff`` alone, ``explain``, or nothing can.
        file: the script it is in.
        kind: what ``samerun explain`` finds there.
    """

    same: bool = False
    cause: str = ""
    step: int | None = None
    line: str = "nothing"
    file: str = "train.py"
    kind: str = ""


@dataclass(frozen=True)
class Exhibit:
    """A folder of the gallery."""

    path: Path

    def __str__(self) -> str:
        return self.path.name

    @cached_property
    def _told(self) -> dict[str, Any]:
        return tomllib.loads((self.path / "expect.toml").read_text(encoding="utf-8"))

    @property
    def planted(self) -> str:
        """What differs, in a sentence."""
        return str(self._told["planted"])

    @property
    def fast(self) -> bool:
        """Whether it is run with the fast tests."""
        return bool(self._told.get("fast", False))

    @property
    def says(self) -> Says:
        """What samerun must say."""
        return Says(**self._told["says"])

    @property
    def sides(self) -> tuple[Side, Side]:
        """How the two runs are started."""
        return Side(**self._told.get("a", {})), Side(**self._told.get("b", {}))

    @property
    def marked(self) -> tuple[int, str]:
        """The line that is to blame: its number and its text without the mark."""
        sources = [self.path / self.says.file, self.path / "b" / self.says.file]
        source = next(path for path in sources if path.exists())
        lines = source.read_text(encoding="utf-8").splitlines()
        (number,) = (number for number, line in enumerate(lines, 1) if line.endswith(_MARK))
        return number, lines[number - 1].removesuffix(_MARK).strip()

    @contextmanager
    def traced(self) -> Iterator[tuple[Path, Path]]:
        """Trace both runs, each in a folder of its own, and yield the traces."""
        with TemporaryDirectory(prefix="gallery-", dir=self._told.get("folder")) as name:
            folder = Path(name)
            self._lay_out(folder)
            ours, theirs = self.sides
            running = [self._start(folder, "a", ours)]
            if theirs.after_a:
                _ended(running.pop())
                shutil.copytree(folder / "a", folder / "b", dirs_exist_ok=True)
            running.append(self._start(folder, "b", theirs))
            for process in running:
                _ended(process)
            yield folder / "a.trace", folder / "b.trace"

    def _lay_out(self, folder: Path) -> None:
        for side in "ab":
            shutil.copytree(self.path, folder / side, ignore=shutil.ignore_patterns("a", "b", "__pycache__", "*.toml"))
            if (self.path / side).is_dir():
                shutil.copytree(self.path / side, folder / side, dirs_exist_ok=True)
        if (self.path / "prepare.py").exists():
            subprocess.run([sys.executable, self.path / "prepare.py"], cwd=folder, check=True)

    def _start(self, folder: Path, side: str, how: Side) -> subprocess.Popen[str]:
        command = [sys.executable, "train.py", *how.args]
        return subprocess.Popen(
            [sys.executable, "-m", "samerun", "trace", "-o", folder / f"{side}.trace", "--", *command],
            cwd=folder / side,
            env={**_environment(), **how.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def exhibits() -> list[Exhibit]:
    """Return all exhibits by name."""
    return [Exhibit(path.parent) for path in sorted(GALLERY.glob("*/expect.toml"))]


def verb(name: str, first: Path, second: Path) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the JSON of a verb that takes two traces."""
    result: Result = CliRunner().invoke(app, [name, "--json", str(first), str(second)], catch_exceptions=False)
    return result.exit_code, json.loads(result.stdout)


def _ended(process: subprocess.Popen[str]) -> None:
    output = process.communicate()[0]
    assert process.returncode == 0, output


def _environment() -> dict[str, str]:
    """Return an environment in which one thread computes and strings have the hashes that chance gives them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": _SOURCE, "NO_ALBUMENTATIONS_UPDATE": "1"}
