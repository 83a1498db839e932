"""``samerun demo``: the 20-epoch experiment on real data."""

from __future__ import annotations

import json
from pathlib import Path

import click

__all__ = ["demo"]


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("samerun-demo"),
    show_default=True,
    help="Folder for the plot and the figures.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of a table.")
@click.option("--epochs", type=click.IntRange(min=2), default=20, show_default=True, help="Epochs of the full run.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=42, show_default=True)
@click.pass_context
def demo(context: click.Context, out: Path, as_json: bool, epochs: int, seed: int) -> None:
    """Train on real digits, stop half-way, resume in a fresh process, and compare bits.

    Exit code 0 only if every verdict is as expected.
    """
    from samerun.demo import report
    from samerun.demo.experiment import run_experiment

    experiment = run_experiment(out, epochs=epochs, seed=seed)
    figures = report.write(experiment, out)
    click.echo(json.dumps(figures, indent=2)) if as_json else report.show(experiment, out)
    context.exit(0 if experiment.as_stated else 1)
