"""``python -m benchmarks``: one table on stdout, the progress on stderr, exit code 0 whatever the figures are."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import SUBJECTS
from benchmarks.harness import Comparison, Result, measure
from benchmarks.table import as_json, as_table


@click.command()
@click.argument("subjects", nargs=-1, type=click.Choice(SUBJECTS))
@click.option("--rounds", type=click.IntRange(min=2), help="Pairs of samples for every row, instead of each row's own.")
@click.option("--json", "json_file", type=click.File("w", "utf-8", lazy=False), help="Write every sample to this file.")
def main(subjects: tuple[str, ...], rounds: int | None, json_file: TextIO | None) -> None:
    """Measure SUBJECTS (all by default) against what a user would pick instead."""
    results = _measure(_rows(subjects or SUBJECTS), rounds)
    # Where there is no terminal, rich assumes one that is too narrow.
    Console(width=None if sys.stdout.isatty() else 132).print(as_table(results))
    if json_file is not None:
        click.echo(json.dumps([as_json(result) for result in results], indent=2), json_file)


def _rows(subjects: tuple[str, ...]) -> list[Comparison]:
    return [row for subject in subjects for row in import_module(f"benchmarks.{subject}").rows()]


def _measure(rows: list[Comparison], rounds: int | None) -> list[Result]:
    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=sum(rounds or row.rounds for row in rows))
        results = []
        for row in rows:
            progress.update(task, description=row.what)
            results.append(measure(row, rounds or row.rounds, lambda: progress.advance(task)))
    return results


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
