"""What was measured, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from benchmarks.harness import Comparison, Result

__all__ = ["as_json", "as_table"]

_UNITS = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "MB": ((1.0, "MB"), (1e-3, "kB")),
}
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
        times = (_amount(result.ours, row), _amount(result.theirs, row), _ratio(result), _target(row))
        style = "red" if result.ok is False else None
        table.add_row(escape(row.what), escape(row.against), *times, _VERDICTS[result.ok], style=style)
    return table


def as_json(result: Result) -> dict[str, object]:
    """Return what the table shows of a row, with every sample, in seconds or MB."""
    row, (low, high) = result.comparison, result.spread
    return {
        "what": row.what,
        "against": row.against,
        "ours": result.ours,
        "theirs": result.theirs,
        "added": result.added,
        "unit": row.unit,
        "ratio": result.ratio,
        "spread": [low, high],
        "target": row.target and {row.target.figure: row.target.limit},
        "ok": result.ok,
        "rounds": [{"ours": found.ours, "theirs": found.theirs} for found in result.rounds],
    }


def _ratio(result: Result) -> str:
    low, high = result.spread
    return f"{result.ratio:.2f} ({low:.2f}-{high:.2f})"


def _target(row: Comparison) -> str:
    if row.target is None:
        return ""
    limit = f"{row.target.limit:.3g}" if row.target.figure == "ratio" else _amount(row.target.limit, row, ".3g")
    return f"{row.target.figure} ≤ {limit}"


def _amount(value: float, row: Comparison, precision: str = ".2f") -> str:
    units = _UNITS[row.unit]
    scale, unit = next((pair for pair in units if value >= pair[0]), units[-1])
    return f"{value / scale:{precision}} {unit}"
