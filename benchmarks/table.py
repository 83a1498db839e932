"""What was measured, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from benchmarks.harness import Result, Target

__all__ = ["as_json", "as_table"]

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_VERDICTS = {True: "[green]met[/]", False: "[bold red]missed[/]", None: ""}


def as_table(results: Iterable[Result]) -> Table:
    """Return one row per result; those that miss their target are red."""
    title = "medians of alternating samples; ratio = ours / theirs (10th to 90th percentile)"
    table = Table(title=title, title_justify="left")
    for heading in ("what", "against"):
        table.add_column(heading, overflow="fold")
    for heading in ("ours", "theirs", "ratio (spread)", "target"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("ok", no_wrap=True)
    for result in results:
        row = result.comparison
        times = (_duration(result.ours), _duration(result.theirs), _ratio(result), _target(row.target))
        style = "red" if result.ok is False else None
        table.add_row(escape(row.what), escape(row.against), *times, _VERDICTS[result.ok], style=style)
    return table


def as_json(result: Result) -> dict[str, object]:
    """Return what the table shows of a row, with every sample; times are in seconds."""
    row, (low, high) = result.comparison, result.spread
    return {
        "what": row.what,
        "against": row.against,
        "ours": result.ours,
        "theirs": result.theirs,
        "ratio": result.ratio,
        "spread": [low, high],
        "target": row.target and {row.target.figure: row.target.limit},
        "ok": result.ok,
        "rounds": [{"ours": found.ours, "theirs": found.theirs} for found in result.rounds],
    }


def _ratio(result: Result) -> str:
    low, high = result.spread
    return f"{result.ratio:.2f} ({low:.2f}-{high:.2f})"


def _target(target: Target | None) -> str:
    if target is None:
        return ""
    limit = _duration(target.limit, "g") if target.figure == "ours" else f"{target.limit:g}"
    return f"{target.figure} ≤ {limit}"


def _duration(seconds: float, precision: str = ".2f") -> str:
    scale, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    return f"{seconds / scale:{precision}} {unit}"
