"""The exhibits of the gallery: scripts with one thing planted, traced twice, and what must be said of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner, Result

import samerun
from nursery import Nursery
from samerun.cli.app import app
from samerun.tracing.launch.injection import ARMED, VARIABLE
from samerun.tracing.settings import Settings

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
        words: what is in its sentence.
        line: what names the line that is marked in the script: ``diff`` alone, ``explain``, or nothing can.
        file: the script it is in.
        kind: what ``samerun explain`` finds there; empty where chance decides.
    """

    same: bool = False
    cause: str = ""
    step: int | None = None
    words: str = ""
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

    @property
    def forked(self) -> bool:
        """Whether its runs can be forks of a process that has begun, which shares its environment and hashes."""
        return not self._told.get("hashes", False) and not any(side.env for side in self.sides)

    @property
    def missing(self) -> str | None:
        """The folder that its runs must lie in, where this machine has none."""
        folder = self._told.get("folder")
        return None if folder is None or os.access(folder, os.W_OK) else str(folder)

    @contextmanager
    def traced(self, nursery: Nursery | None = None) -> Iterator[tuple[Path, Path]]:
        """Trace both runs, each in a folder of its own, and yield the traces."""
        with TemporaryDirectory(prefix="gallery-", dir=self._told.get("folder")) as name:
            folder = Path(name)
            self._lay_out(folder)
            runs = [_Run(folder, side, how) for side, how in zip("ab", self.sides, strict=True)]
            if not runs[1].how.after_a:
                _run(runs, nursery if self.forked else None)
            else:
                _run(runs[:1], nursery)
                shutil.copytree(folder / "a", folder / "b", dirs_exist_ok=True)
                _run(runs[1:], nursery)
            yield runs[0].trace, runs[1].trace

    def _lay_out(self, folder: Path) -> None:
        for side in "ab":
            shutil.copytree(self.path, folder / side, ignore=shutil.ignore_patterns("a", "b", "__pycache__", "*.toml"))
            if (self.path / side).is_dir():
                shutil.copytree(self.path / side, folder / side, dirs_exist_ok=True)
        if (self.path / "prepare.py").exists():
            subprocess.run([sys.executable, self.path / "prepare.py"], cwd=folder, check=True)


@dataclass(frozen=True)
class _Run:
    folder: Path
    side: str
    how: Side

    @property
    def trace(self) -> Path:
        return self.folder / f"{self.side}.trace"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.side}.log"

    @property
    def cwd(self) -> Path:
        return self.folder / self.side

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "train.py", *self.how.args]


def _run(runs: Sequence[_Run], nursery: Nursery | None) -> None:
    codes = _fork(runs, nursery) if nursery is not None else _launch(runs)
    for run, code in zip(runs, codes, strict=True):
        assert code == 0, run.log.read_text()
        assert run.trace.exists(), run.log.read_text()


def _fork(runs: Sequence[_Run], nursery: Nursery) -> list[int]:
    settings = [Settings.checked(run.trace) for run in runs]
    return nursery.run(
        [
            {
                "argv": run.argv,
                "cwd": str(run.cwd),
                "env": {ARMED: "samerun.tracing.launch.injection", VARIABLE: how.dumps()},
                "log": str(run.log),
            }
            for run, how in zip(runs, settings, strict=True)
        ]
    )


def _launch(runs: Sequence[_Run]) -> list[int]:
    with ExitStack() as stack:
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "samerun", "trace", "-o", run.trace, "--", *run.argv],
                cwd=run.cwd,
                env={**_environment(), **run.how.env},
                stdout=stack.enter_context(run.log.open("wb")),
                stderr=subprocess.STDOUT,
            )
            for run in runs
        ]
        return [process.wait() for process in started]


def exhibits() -> list[Exhibit]:
    """Return all exhibits by name."""
    return [Exhibit(path.parent) for path in sorted(GALLERY.glob("*/expect.toml"))]


def verb(name: str, first: Path, second: Path) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the JSON of a verb that takes two traces."""
    result: Result = CliRunner().invoke(app, [name, "--json", str(first), str(second)], catch_exceptions=False)
    assert result.stdout, result.stderr
    return result.exit_code, json.loads(result.stdout)


def _environment() -> dict[str, str]:
    """Return an environment in which one thread computes and strings have the hashes that chance gives them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": _SOURCE, "NO_ALBUMENTATIONS_UPDATE": "1"}


def table(chosen: Sequence[Exhibit]) -> str:
    """Return all exhibits as Markdown, as on the page about the gallery."""
    differing = [exhibit for exhibit in chosen if not exhibit.says.same]
    rows = [f"| {one.planted} | {_said(one.says)} | {_where(one)} |" for one in differing]
    same = [f"| {exhibit.planted} |" for exhibit in chosen if exhibit.says.same]
    head = ["| planted | what `samerun diff` says | the line |", "|---|---|---|"]
    return "\n".join([*head, *rows, "", "| planted, and without effect |", "|---|", *same, ""])


def _said(says: Says) -> str:
    step = "" if says.step is None else f", step {says.step}"
    words = f": {says.words}" if says.words else ""
    return f"[{says.cause}](../causes/{says.cause}.md){step}{words}"


def _where(exhibit: Exhibit) -> str:
    if exhibit.says.line == "nothing":
        return "none"
    number, text = exhibit.marked
    told = " (`samerun explain`)" if exhibit.says.line == "explain" else ""
    return f"{exhibit.says.file}:{number}{told} `{text}`"
