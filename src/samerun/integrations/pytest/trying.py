"""Running something under scenarios from a test."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from samerun.errors import SamerunError, VerifyError
from samerun.integrations.pytest.text import verdict
from samerun.verify import Outcome, Report, Script, choose, verify
from samerun.verify.call import command
from samerun.verify.config import read, read_only

__all__ = ["Options", "Tryer", "check_options", "options", "settle", "tried"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a test wants to be tried out.

    Attributes:
        scenarios: names of those that are tried; the default set if empty.
        skip: names of those that are not.
        quick: whether only the quick scenarios and trials are made.
        steps: optimizer steps after which a run is ended; ``None`` for as long as it takes.
        timeout: seconds that one run may take; ``None`` as for :class:`samerun.verify.Script`.
        data: files and folders that are only read, as seen from the folder that is copied for each run; the copies have
            links to them. If empty, what ``[tool.samerun.verify]`` says.
    """

    scenarios: Collection[str] = ()
    skip: Collection[str] = ()
    quick: bool = False
    steps: int | None = None
    timeout: float | None = None
    data: Collection[str] = ()


def options(where: str, given: Mapping[str, Any]) -> Options:
    """Return options by their names; fail for a name that is none, and for names given as one text."""
    known = [field.name for field in fields(Options)]
    if unknown := [name for name in given if name not in known]:
        pytest.fail(f"{where} has no {', '.join(unknown)}; there are: {', '.join(known)}", pytrace=False)
    if texts := [name for name in ("scenarios", "skip", "data") if isinstance(given.get(name), str)]:
        pytest.fail(f'{where}: {texts[0]} is one text; give a list: ["{given[texts[0]]}"]', pytrace=False)
    return Options(**{name: value for name, value in given.items() if value is not None})


def check_options(config: pytest.Config) -> None:
    """Look whether all scenarios that the command line names are there.

    Raises:
        pytest.UsageError: if one is not.
    """
    try:
        choose(only=_named(config))
    except VerifyError as error:
        raise pytest.UsageError(f"--samerun-scenarios: {error}") from error


class Tryer:
    """Runs functions and commands under scenarios.

    Args:
        config: of the test.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def __call__(
        self,
        what: Callable[..., object] | Sequence[str],
        *,
        resume: Sequence[str] = (),
        cwd: Path | None = None,
        check: bool = True,
        **given: Any,
    ) -> Report:
        """Return the report on a function or a command; fail the test with the verdict if it is not good.

        Args:
            what: a function that stands at the top of a file and trains, with no argument or with one, the folder that
                it writes into, as a ``Path``; or program and arguments, where ``{out}`` stands for that folder.
            resume: program and arguments for going on after an interruption; the same again if empty.
            cwd: the folder that each run gets a copy of, and is made in; pytest's root folder if ``None``.
            check: whether the test fails with the verdict; otherwise that is left to the test.
            **given: as for the marker: ``scenarios``, ``skip``, ``quick``, ``steps``, ``timeout``, ``data``.
        """
        asked = options("samerun_verify", given)
        folder = self._config.rootpath if cwd is None else cwd.resolve()
        name = getattr(what, "__name__", None) or " ".join(map(str, what))  # type: ignore[arg-type]
        with _failing(name):
            argv = command(what, folder) if callable(what) else tuple(what)
        report = tried(self._config, asked, name, argv, cwd=folder, resume=tuple(resume))
        if check:
            settle(report, name)
        return report


def tried(
    config: pytest.Config,
    asked: Options,
    name: str,
    argv: tuple[str, ...],
    *,
    cwd: Path,
    resume: tuple[str, ...] = (),
) -> Report:
    """Return the report on a command; fail if it cannot be tried out, and skip the test if nothing is left to try."""
    quick = asked.quick or config.getoption("--samerun-quick")
    with _failing(name, argv):
        scenarios = choose(only=_named(config) or asked.scenarios, skip=asked.skip, quick=quick)
        if not scenarios:
            pytest.skip("it skips all scenarios that are asked for")
        project = read(cwd)
        data = read_only(asked.data or project.data, cwd)
        script = Script(argv, resume, cwd, data, asked.steps, asked.timeout)
        return verify(script, scenarios, quick=quick, jobs=_jobs(project.jobs), told=_told(config, name))


def settle(report: Report, name: str) -> str:
    """Return the verdict as text if it is good; fail with it otherwise, or skip the test if nothing could be tried."""
    text = verdict(report, name)
    if report.exit_code:
        pytest.fail(text, pytrace=False)
    if all(outcome.status == "skipped" for outcome in report.outcomes):
        pytest.skip("; ".join(dict.fromkeys(outcome.reason for outcome in report.outcomes)))
    return text


def _named(config: pytest.Config) -> list[str]:
    given: str = config.getoption("--samerun-scenarios")
    return [name.strip() for name in given.split(",") if name.strip()]


@contextmanager
def _failing(name: str, argv: tuple[str, ...] = ()) -> Iterator[None]:
    """Fail the test with what cannot be tried out, without the lines of samerun that noticed it."""
    try:
        yield
    except SamerunError as error:
        # The command is samerun's own; whoever reads this knows the name.
        reason = str(error).removeprefix(f"{shlex.join(argv)}: ").rstrip()
        raise pytest.fail.Exception(f"{name} cannot be tried out: {reason}", pytrace=False) from None


def _jobs(wanted: int | None) -> int | None:
    """Return how many runs are made side by side; a worker of pytest-xdist has its part of the cores."""
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    return wanted if workers is None else max(1, (wanted or os.cpu_count() or 1) // int(workers))


def _told(config: pytest.Config, name: str) -> Callable[[str, Sequence[Outcome]], None]:
    """Return what prints how far it is, where tests may print."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or config.getoption("capture") != "no":
        return lambda *_: None

    def told(doing: str, found: Sequence[Outcome]) -> None:
        for line in (*filter(None, [doing]), *(f"{outcome.name}: {outcome.status}" for outcome in found)):
            terminal.ensure_newline()
            terminal.write_line(f"samerun: {name}: {line}")

    return told
