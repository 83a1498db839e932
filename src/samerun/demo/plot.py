"""The plot of the experiment: loss by epoch, and distance from the uninterrupted run by epoch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from samerun.demo.experiment import Experiment, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

_SAME = ("tab:green", "seagreen", "yellowgreen", "limegreen", "teal", "olivedrab", "darkgreen")
_DIFFERS = ("tab:orange", "tab:red", "tab:pink")


def draw(experiment: Experiment, path: Path) -> None:
    """Write the plot as a PNG file; green and solid is what is the same, dashed what differs."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator

    styles = _styles(experiment.verdicts)
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.2), layout="constrained")
    _losses(left, experiment, styles)
    _distances(right, experiment, styles)
    for axes in (left, right):
        axes.axvline(experiment.stopped + 0.5, color="gray", linestyle=":", linewidth=1)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.grid(alpha=0.2)
        axes.margins(x=0.02)
    figure.suptitle(f"Interrupted after {experiment.stopped} of {experiment.epochs} epochs (dotted line)")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _styles(verdicts: tuple[Verdict, ...]) -> list[dict[str, Any]]:
    same, differs = iter(_SAME), iter(_DIFFERS)
    return [
        {"color": next(same, "green"), "linestyle": "-", "marker": "o", "markersize": 4, "linewidth": 1.2}
        if verdict.same
        else {"color": next(differs, "orange"), "linestyle": "--", "marker": "x", "markersize": 6, "linewidth": 1.2}
        for verdict in verdicts
    ]


def _losses(axes: Axes, experiment: Experiment, styles: list[dict[str, Any]]) -> None:
    epochs = range(1, experiment.epochs + 1)
    references = {verdict.part.reference.name: verdict.losses[1] for verdict in experiment.verdicts}
    for number, losses in enumerate(references.values()):
        label = None if number else "the uninterrupted run of each"
        axes.plot(epochs, losses, color="black", linewidth=6, alpha=0.15, label=label)
    for verdict, style in zip(experiment.verdicts, styles, strict=True):
        label = f"{verdict.part.title}: {'same bits' if verdict.same else 'differs'}"
        axes.plot(epochs, verdict.losses[0], label=label, **style)
    axes.set_title("Mean training loss")


def _distances(axes: Axes, experiment: Experiment, styles: list[dict[str, Any]]) -> None:
    epochs = range(1, experiment.epochs + 1)
    for verdict, style in zip(experiment.verdicts, styles, strict=True):
        axes.plot(epochs, verdict.distances, **style)
    same = sum(verdict.same for verdict in experiment.verdicts)
    text = f"{same} runs at 0: every bit the same"
    axes.annotate(text, (experiment.epochs, 0), xytext=(0, 8), textcoords="offset points", ha="right")
    axes.set_title("Distance of the parameters from the uninterrupted run")
    axes.set_ylabel("Euclidean distance")
