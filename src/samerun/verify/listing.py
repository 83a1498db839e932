"""The scenarios there are, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from samerun.divergence.text import Trimmed
from samerun.verify.scenario import Scenario

__all__ = ["as_json", "show"]

_JOINED = "at most; t is the time of one run. With * all together 1 t where nothing differs, since they share a run."


def show(scenarios: Sequence[Scenario], console: Console) -> None:
    """Print scenarios as a table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for title in ("scenario", "what is done"):
        table.add_column(title, no_wrap=title == "scenario")
    table.add_column("cost", justify="right", no_wrap=True)
    table.add_column("set", no_wrap=True)
    for scenario in scenarios:
        cost = f"{scenario.cost:g} t{'*' if scenario.joins else ' '}"
        table.add_row(Text(scenario.name), Text(scenario.summary), Text(cost), Text(_sets(scenario)))
    console.print(Trimmed(table), highlight=False)
    console.print(Trimmed(Text(f"\n{_JOINED}", style="dim")), highlight=False)


def as_json(scenarios: Sequence[Scenario]) -> list[dict[str, Any]]:
    """Return scenarios as JSON values."""
    return [
        {
            "name": scenario.name,
            "summary": scenario.summary,
            "cost": scenario.cost,
            "default": scenario.default,
            "quick": scenario.quick is not None,
            "joins": scenario.joins,
        }
        for scenario in scenarios
    ]


def _sets(scenario: Scenario) -> str:
    names = {"default": scenario.default, "quick": scenario.quick is not None}
    return ", ".join(name for name, there in names.items() if there) or "--all"
