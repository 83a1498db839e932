"""``samerun trace``: run a command and record what it trains, step by step."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import click

__all__ = ["trace"]

_PATH = click.Path(dir_okay=False, path_type=Path)


def _steps(context: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    first, colon, end = value.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal() and int(first) < int(end)):
        reason = f"{value!r} is not a range such as 10:20, of which 10 is the first step and 19 the last"
        raise click.BadParameter(reason, context, param)
    return int(first), int(end)


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("-o", "--output", "path", required=True, type=_PATH, help="The file, such as A.trace.")
@click.option("--level", type=click.IntRange(1, 3), default=1, show_default=True, help="2: modules too, 3: operations.")
@click.option("--steps", callback=_steps, metavar="A:B", help="The steps that level 2 or 3 is for; all by default.")
@click.option("--every", type=click.IntRange(min=1), default=1, show_default=True, help="Record one step in so many.")
@click.option("--record", metavar="KINDS", help="What is recorded, with commas in between; everything by default.")
@click.option("--force", is_flag=True, help="Replace older traces of this name.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def trace(  # noqa: PLR0917 - click passes them by name
    context: click.Context,
    path: Path,
    level: int,
    steps: tuple[int, int] | None,
    every: int,
    record: str | None,
    force: bool,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND, such as `python train.py`, and record its training into a file.

    Not a bit of what it computes changes. Exit code: that of the command; 2 if nothing was recorded.
    """
    from samerun.tracing.launch.command import run
    from samerun.tracing.settings import DEFAULT, Settings

    try:
        kinds = DEFAULT if record is None else record.split(",")
        settings = Settings.checked(path, level=level, steps=steps, every=every, record=kinds, force=force)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    outcome = run(command, settings)
    for name, file in outcome.traces.items():
        click.echo(f"{name}: {file} ({_summary(file)})", err=True)
    if not outcome.traces:
        click.echo(
            "error: nothing was recorded: no process of the command took an optimizer step or iterated a torch"
            " DataLoader, or Python was started with -E, -I or -S",
            err=True,
        )
    context.exit(outcome.code or (0 if outcome.traces else 2))


def _summary(file: Path) -> str:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (steps,) = connection.execute("SELECT count(*) FROM steps").fetchone()
        row = connection.execute("SELECT value FROM meta WHERE key = 'finished'").fetchone()
    return f"{steps} steps, {'cut off' if row is None else json.loads(row[0])}"
