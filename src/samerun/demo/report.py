"""What the experiment shows: a table, a plot, the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from samerun.demo.experiment import Experiment, Verdict

__all__ = ["show", "write"]


def write(experiment: Experiment, out: Path) -> dict[str, Any]:
    """Write ``figures.json`` and ``demo.png``; return the figures."""
    out.mkdir(parents=True, exist_ok=True)
    figures = _figures(experiment)
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    _plot(experiment, out / "demo.png")
    return figures


def show(experiment: Experiment, out: Path) -> None:
    """Print the table of verdicts to stdout, and where the files are to stderr."""
    title = (
        f"scikit-learn's digits, {experiment.epochs} epochs of {experiment.steps_per_epoch} steps,"
        f" seed {experiment.seed}; interrupted after {experiment.stopped}; every run in a fresh process"
    )
    table = Table(title=title, title_justify="left", show_lines=True)
    for column in ("run", "bits", "first difference", "final model"):
        table.add_column(column)
    for verdict in experiment.verdicts:
        why = f"[dim]{verdict.part.reason}[/]"
        run = f"{verdict.part.title}\n{why}"
        table.add_row(run, _verdict(verdict), _where(verdict, experiment), _hashes(verdict))
    Console().print(table)
    summary = "every part came out as stated" if experiment.as_stated else "NOT every part came out as stated"
    Console(stderr=True).print(f"{summary}; plot: {out / 'demo.png'}, figures: {out / 'figures.json'}")


def _verdict(verdict: Verdict) -> str:
    text = "[green]same[/]" if verdict.same else "[red]differ[/]"
    stated = "as stated" if verdict.as_stated else f"[bold red]stated:\n{'same' if verdict.part.same else 'differ'}[/]"
    return f"{text}\n{stated}"


def _where(verdict: Verdict, experiment: Experiment) -> str:
    if verdict.first_difference is None:
        return "none"
    epoch, batch = divmod(verdict.first_difference, experiment.steps_per_epoch)
    return f"the {verdict.what} of step {verdict.first_difference}\n(epoch {epoch}, batch {batch})"


def _hashes(verdict: Verdict) -> str:
    reference, compared = (digest[:12] for digest in verdict.fingerprints)
    return f"{compared}\n{'=' if verdict.same else '≠'} {reference}"


def _figures(experiment: Experiment) -> dict[str, Any]:
    return {
        "seed": experiment.seed,
        "epochs": experiment.epochs,
        "interrupted_after": experiment.stopped,
        "steps_per_epoch": experiment.steps_per_epoch,
        "as_stated": experiment.as_stated,
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


def _plot(experiment: Experiment, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.6), layout="constrained")
    epochs = range(1, experiment.epochs + 1)
    references: dict[str, list[float]] = {}
    for verdict in experiment.verdicts:
        references.setdefault(verdict.part.reference.name, verdict.losses[1])
    for losses in references.values():
        left.plot(epochs, losses, color="black", linewidth=7, alpha=0.15)
    for verdict in experiment.verdicts:
        mark = "o" if verdict.same else "x"
        style: dict[str, Any] = {
            "linestyle": "-" if verdict.same else "--",
            "marker": mark,
            "markersize": 5,
            "linewidth": 1.3,
        }
        label = f"{verdict.part.title}: {'same bits' if verdict.same else 'differs'}"
        left.plot(epochs, verdict.losses[0], label=label, **style)
        right.plot(epochs, verdict.distances, **style)
    left.plot([], [], color="black", linewidth=7, alpha=0.15, label="the uninterrupted run of each")
    left.set_yscale("log")
    left.yaxis.set_major_formatter(ScalarFormatter())
    left.yaxis.set_minor_formatter(ScalarFormatter())
    for axes, title in ((left, "Mean training loss"), (right, "Distance of the parameters from the uninterrupted run")):
        axes.axvline(
            experiment.stopped + 0.5, color="gray", linestyle=":", label="interrupted" if axes is left else None
        )
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.2)
    right.annotate(
        "0: every bit the same", (experiment.epochs, 0), xytext=(0, 8), textcoords="offset points", ha="right"
    )
    figure.suptitle(f"Interrupted after {experiment.stopped} of {experiment.epochs} epochs, seed {experiment.seed}")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)
