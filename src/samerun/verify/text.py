"""The verdict as text for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from samerun.divergence.text import Trimmed
from samerun.divergence.words import count, listed
from samerun.verify.outcome import NOTHING, Outcome, Report, Status
from samerun.verify.words import (
    ANEW,
    Row,
    advice_to_resume,
    difference,
    headline,
    page,
    resumed,
    rows,
    surroundings,
    verdict,
)

__all__ = ["show"]

_STYLES: dict[Status, str] = {
    "same": "green",
    "differs": "bold red",
    "environment": "yellow",
    "failed": "bold magenta",
    "skipped": "dim",
}
_TITLES: dict[Status, str] = {
    "same": "THE SAME",
    "differs": "DIFFERS",
    "failed": "COULD NOT RUN",
    "environment": "DEPENDS ON THE ENVIRONMENT",
    "skipped": "NOT TRIED",
}
# Trials beside the first of a row that are named below it.
_MOST = 3


def show(report: Report, console: Console, no_longer: Sequence[str] = ()) -> None:
    """Print a verdict.

    Args:
        report: what is printed.
        console: where to.
        no_longer: names of accepted differences that are none any more.
    """
    found = rows(report.outcomes)
    told = [row for row in found if row.first.status in ("differs", "environment", "failed")]
    parts = [
        _table(found, anew=bool(advice_to_resume(report))),
        *(_detail(row) for row in told if not row.first.accepted),
    ]
    parts += [part for part in (_resumptions(report), _not_tried(found)) if part is not None]
    parts.append(_end(report, no_longer))
    spaced = (Padding(part, (0, 0, 1, 0)) for part in parts[:-1])
    console.print(Trimmed(Group(*spaced, parts[-1])), highlight=False)


def _table(found: Sequence[Row], *, anew: bool) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    table.add_column("scenario", no_wrap=True)
    table.add_column("tried", ratio=4)
    table.add_column("verdict", max_width=11)
    table.add_column("first difference", ratio=3)
    table.add_column("cause", no_wrap=True)
    before = ""
    for row in found:
        one = row.first
        table.add_row(
            Text("" if one.scenario == before else one.scenario),
            Text("" if one.trial == NOTHING else row.tried),
            Text(verdict(one), style="dim" if one.accepted else _STYLES[one.status]),
            Text(difference(one, moment=False)) if one.status != "same" else Text(_note(row, anew), style="yellow"),
            Text(one.cause),
        )
        before = one.scenario
    return table


def _note(row: Row, anew: bool) -> str:
    """Return what else there is to know of trials that came out the same."""
    return "began anew" if anew and any(outcome.resumptions for outcome in row.outcomes) else ""


def _detail(row: Row) -> RenderableType:
    one, *others = row.outcomes
    title = Text(one.name, style=_STYLES[one.status])
    where = f"{difference(one)}. " if difference(one) else ""
    also = listed([_also(other) for other in others], _MOST)
    lines = [("at", Text(one.place, style="bold"))] if one.place else []
    lines += [("", Text(note)) for note in one.notes]
    lines += [("also", Text(also))] if others else []
    lines += [("do", Text(one.advice))] if one.advice else []
    lines += [("read", Text(f"docs/{found}", style="dim"))] if (found := page(one.cause)) else []
    return Group(title, Padding(Group(Text(f"{where[:1].upper()}{where[1:]}{one.reason}"), _grid(lines)), (0, 0, 0, 2)))


def _also(outcome: Outcome) -> str:
    return outcome.trial if outcome.step is None else f"{outcome.trial} (step {outcome.step:,})"


def _resumptions(report: Report) -> RenderableType | None:
    known = [outcome for outcome in report.outcomes if outcome.resumptions]
    if not known:
        return None
    advice = advice_to_resume(report)
    title = Text("How it went on")
    if advice:
        title.append(f"  {ANEW}", style="bold yellow")
    lines = [(outcome.trial, Text(resumed(outcome.resumptions))) for outcome in known]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", max_width=34)
    for label, text in lines:
        table.add_row(label, text)
    parts: list[RenderableType] = [table, _grid([("do", Text(advice))])] if advice else [table]
    return Group(title, Padding(Group(*parts), (0, 0, 0, 2)))


def _not_tried(found: Sequence[Row]) -> RenderableType | None:
    reasons: dict[str, list[str]] = {}
    for row in found:
        if row.first.status == "skipped":
            reasons.setdefault(row.first.reason, []).append(row.first.scenario)
    if not reasons:
        return None
    return _grid([(f"not tried: {', '.join(names)}", Text(reason)) for reason, names in reasons.items()])


def _end(report: Report, no_longer: Sequence[str]) -> RenderableType:
    status, of = headline(report)
    around = surroundings(report.environment)
    threads = count(int(around["threads"]), "thread")
    lines: list[RenderableType] = [
        Text.assemble((_TITLES[status], "bold green" if status == "same" else _STYLES[status]), f"  {of}"),
        Text(
            f"{report.command}: {count(report.steps, 'step')}, each compared with the first run, bit by bit;"
            f" torch {around['torch']}, {threads}; {report.runs:.1f} runs of {report.seconds:.1f} s",
            style="dim",
        ),
    ]
    lines += [Text(f"no longer differs: {name}; take it out of the baseline", style="yellow") for name in no_longer]
    return Group(*lines)


def _grid(lines: Sequence[tuple[str, Text]]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", max_width=30)
    for title, text in lines:
        table.add_row(title, text)
    return table
