"""What the experiment says: a table for people, figures for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from samerun.demo.experiment import Experiment, Verdict
from samerun.demo.plot import draw
from samerun.determinism import environment

__all__ = ["show", "write"]


def write(experiment: Experiment, out: Path) -> dict[str, Any]:
    """Write ``figures.json`` and ``demo.png``; return the figures."""
    out.mkdir(parents=True, exist_ok=True)
    figures = _figures(experiment)
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    draw(experiment, out / "demo.png")
    return figures


def show(experiment: Experiment, out: Path) -> None:
    """Print the verdicts with their reasons to stdout, and where the files are to stderr."""
    console = Console(highlight=False)
    console.print(
        f"scikit-learn's digits, {experiment.epochs} epochs of {experiment.steps_per_epoch} steps, seed"
        f" {experiment.seed}; interrupted after {experiment.stopped} epochs."
        "\nEach run, in fresh processes, against the uninterrupted one (✓ is as expected):"
    )
    table = Table("", "run", "bits", "first difference", "final model")
    for number, verdict in enumerate(experiment.verdicts, 1):
        where = _where(verdict, experiment)
        table.add_row(str(number), verdict.part.title, _verdict(verdict), where, _hashes(verdict))
    console.print(table)
    for number, verdict in enumerate(experiment.verdicts, 1):
        console.print(Padding(f"{number}  {verdict.part.reason}", (0, 0, 0, 2)))
    summary = "every verdict is as expected" if experiment.as_stated else "NOT every verdict is as expected"
    Console(stderr=True).print(f"{summary}; plot: {out / 'demo.png'}, figures: {out / 'figures.json'}")


def _verdict(verdict: Verdict) -> str:
    found = "same" if verdict.same else "differ"
    if verdict.as_stated:
        return f"[green]✓ {found}[/]"
    return f"[bold red]✗ {found}, expected: {'same' if verdict.part.same else 'differ'}[/]"


def _where(verdict: Verdict, experiment: Experiment) -> str:
    if verdict.first_difference is None:
        return "none"
    epoch, batch = divmod(verdict.first_difference, experiment.steps_per_epoch)
    return f"{verdict.what} {batch + 1} of epoch {epoch + 1}"


def _hashes(verdict: Verdict) -> str:
    reference, compared = (digest[:6] for digest in verdict.fingerprints)
    return f"{compared} {'=' if verdict.same else '≠'} {reference}"


def _figures(experiment: Experiment) -> dict[str, Any]:
    return {
        "seed": experiment.seed,
        "epochs": experiment.epochs,
        "interrupted_after": experiment.stopped,
        "steps_per_epoch": experiment.steps_per_epoch,
        "as_stated": experiment.as_stated,
        "environment": environment(),
        "parts": [
            {
                "run": verdict.part.title,
                "same": verdict.same,
                "stated_same": verdict.part.same,
                "first_difference": verdict.first_difference,
                "what": verdict.what,
                "fingerprint_uninterrupted": verdict.fingerprints[0],
                "fingerprint": verdict.fingerprints[1],
                "losses": verdict.losses[0],
                "losses_uninterrupted": verdict.losses[1],
                "parameter_distances": verdict.distances,
                "why": verdict.part.reason,
            }
            for verdict in experiment.verdicts
        ],
    }
