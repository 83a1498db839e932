"""``samerun verify``: whether a training script is reproducible, and its resume exact."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from samerun.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from samerun.verify import Report, Scenario, Script
    from samerun.verify.config import Config

__all__ = ["verify"]

_FILE = click.Path(dir_okay=False, path_type=Path)
# Files that are written when all is done, which should not be in vain.
_WRITTEN = "html", "junit", "write"
_FROM_ONE = click.IntRange(min=1)
# Packages of the extra ``verify`` that are needed before anything is run.
_NEEDED = ("psutil", "time_machine")


def _names(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for value in values for name in value.split(",") if name)


def _words(context: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(value or ""))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no command: {error}", context, param) from error


# What follows the command belongs to it, also without `--`.
@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--only", multiple=True, callback=_names, metavar="NAMES", help="Try these, with commas in between.")
@click.option("--skip", multiple=True, callback=_names, metavar="NAMES", help="Do not try these.")
@click.option("--all", "everything", is_flag=True, help="Try those too that are not in the default set.")
@click.option("--quick", is_flag=True, help="Try the quick ones only, with fewer runs.")
@click.option("--list", "listing", is_flag=True, help="List the scenarios and what they cost.")
@click.option("--resume-cmd", "resume", callback=_words, metavar="TEXT", help="How to go on after an interruption.")
@click.option("--steps", type=_FROM_ONE, metavar="N", help="End each run after so many optimizer steps.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="For one run. [default: 3600, others 10 times the first]",
)
@click.option("--jobs", type=_FROM_ONE, metavar="N", help="Runs side by side; what cores and memory allow by default.")
@click.option("--data", multiple=True, metavar="PATH", help="Is only read, and need not be copied; several times.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep traces and output in a new folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--summary", "short", is_flag=True, help="Print a few lines of Markdown.")
@click.option("--html", type=_FILE, metavar="FILE", help="Write a page as well.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Write JUnit's XML as well.")
@click.option("--github/--no-github", default=None, help="Annotate the workflow. [default: where GITHUB_ACTIONS=true]")
@click.option("--baseline", type=_FILE, metavar="FILE", help="Accept the differences that are named in it.")
@click.option("--write-baseline", "write", type=_FILE, metavar="FILE", help="Name what differs now in it, as accepted.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def verify(context: click.Context, /, command: tuple[str, ...], **options: Any) -> None:
    """Run COMMAND, such as `python train.py`, again and again under other conditions, killed and resumed, and compare.

    The script is not changed, and each run is made in a copy of this folder. `{out}` in COMMAND becomes a folder for
    its output. What [tool.samerun.verify] in pyproject.toml says need not be said here.

    Exit codes: 0 all is the same or accepted, 1 something differs, 2 something could not be run.
    """
    _check_installed()
    from samerun.verify.config import read

    if options["listing"]:
        _list(as_json=options["as_json"])
        return
    if options["as_json"] and options["short"]:
        raise click.UsageError("--json and --summary both print; give one of them")
    _check_files(options)
    config = read(Path.cwd())
    script = _script(context, command or config.command, options, config)
    names = _baseline(options, config)
    report, no_longer = _accepted(_run(script, _scenarios(options, config), options, config), names, options["write"])
    _print(report, options, no_longer)
    _write(report, options)
    context.exit(report.exit_code)


def _check_installed() -> None:
    for package in _NEEDED:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "verify")


def _check_files(options: dict[str, Any]) -> None:
    if options["html"] is not None and importlib.util.find_spec("jinja2") is None:
        raise MissingExtraError("jinja2", "verify")
    for name in _WRITTEN:
        path = options[name]
        if path is not None and not path.absolute().parent.is_dir():
            raise click.UsageError(f"{path} cannot be written: there is no folder {path.parent}")


def _list(*, as_json: bool) -> None:
    from rich.console import Console

    from samerun.verify import all_scenarios
    from samerun.verify.listing import as_json as as_values
    from samerun.verify.listing import show

    if as_json:
        click.echo(json.dumps(as_values(all_scenarios()), indent=2))
    else:
        show(all_scenarios(), Console())


def _script(context: click.Context, command: tuple[str, ...], options: dict[str, Any], config: Config) -> Script:
    from samerun.verify import Script
    from samerun.verify.config import read_only

    if not command:
        text = "no command is given; give it after --, or as `command` in [tool.samerun.verify] of pyproject.toml"
        raise click.UsageError(text, context)
    bounds: dict[str, Any] = {
        "steps": options["steps"] or config.steps,
        "timeout": options["timeout"] or config.timeout,
    }
    cwd = Path.cwd()
    return Script(
        command,
        options["resume"] or config.resume_cmd,
        cwd,
        read_only(options["data"] or config.data, cwd),
        **{name: value for name, value in bounds.items() if value is not None},
    )


def _scenarios(options: dict[str, Any], config: Config) -> Sequence[Scenario]:
    """Return what is tried; a choice that is made here sets aside the one of the project."""
    from samerun.verify import choose

    quick, everything, only = options["quick"], options["everything"], options["only"]
    if quick and everything:
        raise click.UsageError("--quick and --all contradict each other; give one of them")
    skip = options["skip"] or (() if only else config.skip)
    only = only or (() if quick or everything else config.only)
    return choose(only=only, skip=skip, quick=quick, everything=everything)


def _run(script: Script, scenarios: Sequence[Scenario], options: dict[str, Any], config: Config) -> Report:
    from rich.console import Console

    from samerun.verify import verify as verified
    from samerun.verify.progress import Progress

    if not scenarios:
        raise click.UsageError("no scenario is left to try; see --list")
    jobs = options["jobs"] or config.jobs
    quick, keep = options["quick"], options["keep"]
    with (
        _ending_in_order(),
        Progress(scenarios, jobs or os.cpu_count() or 1, Console(stderr=True), quick=quick) as progress,
    ):
        return verified(script, scenarios, quick=quick, jobs=jobs, keep=keep, told=progress)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM end what was started and remove what was made, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _baseline(options: dict[str, Any], config: Config) -> tuple[str, ...]:
    from samerun.verify import baseline

    path = options["baseline"] or config.baseline
    return baseline.read(path) if path is not None and options["write"] is None else ()


def _accepted(report: Report, names: tuple[str, ...], write: Path | None) -> tuple[Report, tuple[str, ...]]:
    """Return the report with what is accepted, and what is in the baseline but no longer differs."""
    from samerun.verify import baseline

    if write is not None:
        names = baseline.write(write, report)
        click.echo(f"baseline: {write} ({len(names)} accepted)", err=True)
    return baseline.accept(report, names), baseline.no_longer(report, names)


def _write(report: Report, options: dict[str, Any]) -> None:
    if (path := options["html"]) is not None:
        from samerun.verify.html import page

        path.write_text(page(report), encoding="utf-8")
        click.echo(f"page: {path}", err=True)
    if (path := options["junit"]) is not None:
        from samerun.verify.junit import document

        path.write_text(document(report), encoding="utf-8")
        click.echo(f"JUnit: {path}", err=True)
    wanted = options["github"]
    if wanted or (wanted is None and os.environ.get("GITHUB_ACTIONS") == "true"):
        from samerun.verify.github import commands

        for line in commands(report):
            click.echo(line, err=True)
    if options["keep"] is not None:
        click.echo(f"kept: {options['keep']}", err=True)


def _print(report: Report, options: dict[str, Any], no_longer: tuple[str, ...]) -> None:
    if options["as_json"]:
        click.echo(json.dumps(report.as_json() | {"no_longer": no_longer}, indent=2))
    elif options["short"]:
        from samerun.verify.summary import summary

        click.echo(summary(report))
    else:
        from rich.console import Console

        from samerun.verify.text import show

        show(report, Console(), no_longer)
