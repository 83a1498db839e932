"""``samerun lab``: every claim about seeds as an experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from samerun.lab import Experiment

__all__ = ["lab"]


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("samerun-lab"),
    show_default=True,
    help="Folder for the page and the figures.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--list", "as_list", is_flag=True, help="List the experiments and run none.")
@click.pass_context
def lab(context: click.Context, names: tuple[str, ...], out: Path, as_json: bool, as_list: bool) -> None:
    """Carry out experiments about seeds and states, all or those named, and write one page about them.

    NAME is a name or a number from --list. Exit code 0 only if every conclusion holds.
    """
    chosen = _chosen(names)
    if as_list:
        _list(chosen, as_json)
        return
    from samerun.lab.report import carry_out

    report = carry_out(chosen)
    report.write(out)
    click.echo(json.dumps(report.figures(), indent=2)) if as_json else report.show(out)
    context.exit(0 if report.holds else 1)


def _chosen(names: tuple[str, ...]) -> list[Experiment]:
    from samerun.lab import all_experiments, find_experiment

    try:
        named = {find_experiment(name) for name in names}
    except KeyError as error:
        raise click.UsageError(error.args[0]) from error
    return [experiment for experiment in all_experiments() if not names or experiment in named]


def _list(experiments: list[Experiment], as_json: bool) -> None:
    if as_json:
        rows = [{"number": found.number, "name": found.name, "question": found.question.en} for found in experiments]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(found.name) for found in experiments)
    for found in experiments:
        click.echo(f"{found.number:>2}  {found.name:<{width}}  {found.question.en}")
