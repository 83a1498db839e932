"""Carrying experiments out, and what is left of it: a page, the figures, and lines for the terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from samerun.determinism import environment
from samerun.errors import MissingExtraError
from samerun.lab.experiment import Experiment, Outcome

__all__ = ["Report", "carry_out"]

# What is imported, and the distribution that has it.
_NEEDED = {
    "jinja2": "jinja2",
    "matplotlib": "matplotlib",
    "torchdata": "torchdata",
    "albumentations": "albumentations",
    "sklearn": "scikit-learn",
    "IPython": "ipython",
}


@dataclass(frozen=True)
class Report:
    """What came out of some experiments.

    Attributes:
        outcomes: in the order of their numbers.
        seconds: how long each took.
    """

    outcomes: Mapping[Experiment, Outcome]
    seconds: Mapping[Experiment, float]

    @property
    def holds(self) -> bool:
        """Whether every conclusion holds."""
        return all(outcome.holds for outcome in self.outcomes.values())

    def figures(self) -> dict[str, Any]:
        """Return everything that was measured, as JSON."""
        return {
            "holds": self.holds,
            "environment": environment(),
            "experiments": {
                experiment.name: {
                    "holds": outcome.holds,
                    "conclusion": [{"claim": claim.text.en, "holds": claim.holds} for claim in outcome.conclusion],
                    "seconds": round(self.seconds[experiment], 1),
                    "figures": outcome.figures,
                }
                for experiment, outcome in self.outcomes.items()
            },
        }

    def write(self, out: Path) -> None:
        """Write ``lab.html`` and ``figures.json`` into a folder."""
        from samerun.lab.page import page

        out.mkdir(parents=True, exist_ok=True)
        (out / "figures.json").write_text(json.dumps(self.figures(), indent=2) + "\n")
        html = page(self.outcomes, environment(), sum(self.seconds.values()))
        (out / "lab.html").write_text(html, encoding="utf-8")

    def show(self, out: Path) -> None:
        """Print the conclusions to stdout, and where the page is to stderr."""
        console = Console(highlight=False)
        for experiment, outcome in self.outcomes.items():
            console.print(f"[bold]{experiment.number}  {escape(experiment.title.en)}[/]")
            for claim in outcome.conclusion:
                mark = "[green]✓[/]" if claim.holds else "[bold red]✗ not so here:[/]"
                console.print(Padding(f"{mark} {escape(claim.text.en.replace('`', ''))}", (0, 0, 0, 3)))
        summary = "every conclusion holds" if self.holds else "NOT every conclusion holds"
        Console(stderr=True).print(f"{summary}; page: {out / 'lab.html'}, figures: {out / 'figures.json'}")


def carry_out(experiments: Sequence[Experiment]) -> Report:
    """Run experiments one after the other; shows a progress bar on stderr.

    Raises:
        MissingExtraError: before anything is run, if a package of the extra ``lab`` is missing.
        ProcessError: if a process fails.
    """
    for package, distribution in _NEEDED.items():
        if find_spec(package) is None:
            raise MissingExtraError(distribution, "lab")
    outcomes, seconds = {}, {}
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(experiments))
        for experiment in experiments:
            progress.update(task, description=escape(experiment.title.en))
            start = time.perf_counter()
            outcomes[experiment] = experiment.run()
            seconds[experiment] = time.perf_counter() - start
            progress.advance(task)
    return Report(outcomes, seconds)
