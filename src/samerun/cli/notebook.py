"""``samerun notebook``: whether a notebook gives the same results again, and which cells depend on which draws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from samerun.notebook.check import CellReport, Comparison, Report

__all__ = ["notebook"]

_ORDERS = {
    "run": "the recorded order is {order}",
    "same": "the recorded order is from top to bottom",
    "none": "no order of execution is recorded",
    "failed": "the recorded order cannot be run: {problem}",
}


@click.group()
def notebook() -> None:
    """Check notebooks."""


@notebook.command()
@click.argument("path", metavar="NB.ipynb", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--kernel", help="The Jupyter kernel to run it in, instead of the notebook's own.")
@click.option("--timeout", type=click.IntRange(min=1), help="Seconds that a cell may take; no limit by default.")
@click.pass_context
def check(context: click.Context, path: Path, as_json: bool, kernel: str | None, timeout: int | None) -> None:
    """Run a notebook from top to bottom twice and in its recorded order once, and compare.

    Exit code 0: all is the same; 1: an output or a draw differs; 2: a cell fails, or it cannot be run.
    """
    from samerun.notebook.check import check as run_check

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def show(run: str, cells: int, done: int) -> None:
            if run not in tasks:
                tasks[run] = progress.add_task(run, total=cells)
            progress.update(tasks[run], completed=done)

        report = run_check(path, kernel=kernel, timeout=timeout, progress=show)
    if as_json:
        click.echo(json.dumps(_as_json(report), indent=2))
    else:
        _print(report)
    context.exit(report.exit_code)


def _print(report: Report) -> None:
    table = Table(title=escape(report.path.name), title_justify="left")
    for heading in ("cell", "recorded"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("code", "drew", "after the draws of", "twice", "recorded order"):
        table.add_column(heading, overflow="fold")
    for cell in report.cells:
        row = (_drew(cell), _depends(cell), _verdict(cell.twice), _verdict(cell.recorded))
        count = "" if cell.count is None else f"In[{cell.count}]"
        table.add_row(str(cell.number), escape(count), escape(_short(cell.title)), *map(escape, row[:2]), *row[2:])
    Console(width=None if Console().is_terminal else 132).print(table)
    for line in _findings(report):
        click.echo(line)
    order = "-".join(map(str, report.order))
    click.echo(_ORDERS[report.order_is].format(order=order, problem=report.problem), err=True)
    for remark in report.remarks:
        click.echo(remark, err=True)


def _findings(report: Report) -> list[str]:
    lines = [
        f"cell {cell.number}, {name}: {_what(found)}: {found.why}"
        for cell in report.cells
        for name, found in (("run twice", cell.twice), ("in the recorded order", cell.recorded))
        if found is not None and not found.same
    ]
    where = "from top to bottom, " if report.order_is == "failed" else ""
    return lines or [f"{where}every cell gives the same output and draws the same"]


def _what(found: Comparison) -> str:
    if found.draws:
        return "the output differs"
    return "the draws differ" if found.outputs else "output and draws differ"


def _drew(cell: CellReport) -> str:
    return ", ".join(f"{label}: {draw}" if label else str(draw) for label, draw in cell.draws)


def _depends(cell: CellReport) -> str:
    parts = []
    for found in cell.depends:
        cells = ", ".join(map(str, found.on))
        begun = f"seeded in {found.begun}" if found.begun else "never seeded"
        parts.append(f"{found.source}: {f'{cells}; ' if cells else ''}{begun}")
    return "\n".join(parts)


def _verdict(found: Comparison | None) -> str:
    if found is None:
        return ""
    return "[green]same[/]" if found.same else f"[bold red]{_what(found).removeprefix('the ')}[/]"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "notebook": str(report.path),
        "same": report.exit_code == 0,
        "recorded_order": {"cells": list(report.order), "is": report.order_is, "problem": report.problem},
        "remarks": list(report.remarks),
        "cells": [_cell_as_json(cell) for cell in report.cells],
    }


def _cell_as_json(cell: CellReport) -> dict[str, Any]:
    return {
        "cell": cell.number,
        "execution_count": cell.count,
        "code": cell.title,
        "draws": [
            {"sequence": label, "source": draw.source, "how": draw.how, "count": draw.count}
            for label, draw in cell.draws
        ],
        "depends_on": [
            {
                "source": found.source,
                "seeded_in": found.begun,
                "draws": [{"cell": on, "count": n} for on, n in found.draws],
            }
            for found in cell.depends
        ],
        "twice": _comparison_as_json(cell.twice),
        "recorded": cell.recorded and _comparison_as_json(cell.recorded),
    }


def _comparison_as_json(found: Comparison) -> dict[str, Any]:
    return {"outputs": found.outputs, "draws": found.draws, "why": found.why}
