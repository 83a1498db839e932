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

__all__ = ["as_json", "costs", "show"]

_NOTES = (
    "t: computing time of one run without its start. Those with * share a run: 1 t.",
    "A run that differs is ended soon; what it tried at once is tried in parts.",
)


def costs(scenarios: Sequence[Scenario], *, quick: bool = False) -> dict[tuple[str, ...], float]:
    """Return the costs of scenarios, in runs of the script; those that are tried in one run have one together."""
    joined = [scenario for scenario in scenarios if scenario.joins]
    found = {(scenario.name,): _cost(scenario, quick=quick) for scenario in scenarios if not scenario.joins}
    return found | ({tuple(one.name for one in joined): max(one.cost for one in joined)} if joined else {})


def _cost(scenario: Scenario, *, quick: bool) -> float:
    return scenario.quick_cost if quick and scenario.quick_cost is not None else scenario.cost


def show(scenarios: Sequence[Scenario], console: Console) -> None:
    """Print scenarios as a table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("scenario", no_wrap=True)
    table.add_column("what is done")
    for title in ("default", "--quick", "--all"):
        table.add_column(title, justify="right", no_wrap=True)
    for scenario in scenarios:
        star = "*" if scenario.joins else " "
        cost, quick = (f"{_cost(scenario, quick=quick):g} t{star}" for quick in (False, True))
        table.add_row(
            Text(scenario.name),
            Text(scenario.summary),
            Text(cost if scenario.default else ""),
            Text(quick if scenario.quick is not None else ""),
            Text(cost),
        )
    table.add_section()
    table.add_row("", "all of them, and the first run", *(f"{total:g} t " for total in _totals(scenarios)))
    console.print(Trimmed(table), highlight=False)
    for note in ("", *_NOTES):
        console.print(Trimmed(Text(note, style="dim")), highlight=False)


def as_json(scenarios: Sequence[Scenario]) -> list[dict[str, Any]]:
    """Return scenarios as JSON values."""
    return [
        {
            "name": scenario.name,
            "summary": scenario.summary,
            "cost": scenario.cost,
            "quick_cost": _cost(scenario, quick=True) if scenario.quick is not None else None,
            "default": scenario.default,
            "joins": scenario.joins,
        }
        for scenario in scenarios
    ]


def _totals(scenarios: Sequence[Scenario]) -> tuple[float, float, float]:
    default = [scenario for scenario in scenarios if scenario.default]
    quick = [scenario for scenario in scenarios if scenario.quick is not None]
    found = costs(default), costs(quick, quick=True), costs(scenarios)
    first, second, third = (1 + sum(cost.values()) for cost in found)
    return first, second, third
