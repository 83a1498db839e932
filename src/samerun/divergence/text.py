"""A verdict as text for a terminal: one screen of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from samerun.divergence.causes.diagnosis import Diagnosis
from samerun.divergence.compare import Comparison
from samerun.divergence.pairs import Pair
from samerun.divergence.verdict import Finding, Verdict
from samerun.divergence.words import MOMENTS, change, count, listed, name, sentence, subject
from samerun.tracing.reader import Series

__all__ = ["Trimmed", "show"]

# Causes beside the first that are named, and entries of the surroundings.
_MOST = 3


def show(verdict: Verdict, console: Console) -> None:
    """Print a verdict."""
    worst = verdict.worst
    parts: list[RenderableType] = [_runs(worst)]
    if verdict.same:
        parts.append(_same(worst))
    elif worst.comparison.same:
        parts.append(Text("DIFFERS  not the same processes", style="bold red"))
    else:
        parts.append(_differs(worst))
    parts.append(_facts(verdict))
    spaced = (Padding(part, (0, 0, 1, 0)) for part in parts[:-1])
    console.print(Trimmed(Group(*spaced, parts[-1])), highlight=False)


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Something to print, without the blanks that tables and paddings end their lines with."""

    inside: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self.inside, options, pad=False):
            while line and not line[-1].text.strip():
                line.pop()
            if line:
                last = line.pop()
                line.append(Segment(last.text.rstrip(), last.style, last.control))
            yield from line
            yield Segment.line()


def _runs(finding: Finding) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    comparison = finding.comparison
    for side, (label, trace) in enumerate(zip(finding.evidence.labels, finding.evidence.traces, strict=True)):
        steps = count(trace.last_step + 1 - trace.first_step, "step")
        start = comparison.alignment.offset * (1 if side else -1)
        begins = f", from step {start} of the other" if start > 0 else ""
        ended = "cut off, or still running" if trace.finished is None else f"ended: {trace.finished}"
        table.add_row(Text(label, style="bold"), Text(f"{steps}{begins}"), Text(ended, style="dim"))
    return table


def _same(finding: Finding) -> RenderableType:
    steps = count(len(finding.comparison.pairing.steps), "step")
    kinds = listed(_kinds(finding.comparison.pairing.compared), 12)
    return Group(Text("THE SAME", style="bold green"), Text(f"{steps} compared, bit by bit: {kinds}"))


def _differs(finding: Finding) -> RenderableType:
    pair = finding.comparison.divergence
    title = Text("DIFFERS", style="bold red")
    if pair is not None:
        title.append(f"  first in step {pair.step}: {_where(pair)}", style="not bold default")
    best, *others = finding.diagnoses
    parts: list[RenderableType] = [title, Text(), Padding(_diagnosis(best, finding.evidence.labels), (0, 0, 0, 2))]
    if others:
        # Of several that fit, the reader should know that they do, not read them all.
        also = listed([other.cause for other in others], _MOST)
        parts += [Text(), Padding(Text(f"what also fits: {also}", style="dim"), (0, 0, 0, 2))]
    return Group(*parts)


def _where(pair: Pair) -> str:
    times = f", number {pair.nth + 1} of the step" if pair.nth and pair.series.kind != "rng" else ""
    return f"{subject(pair.series)}, {MOMENTS[pair.phase]}{times}"


def _diagnosis(found: Diagnosis, labels: Sequence[str]) -> RenderableType:
    rows = [("at", Text(str(found.place), style="bold"))] if found.place is not None else []
    rows += [("", Text(detail)) for detail in found.details]
    rows += [("do", Text(found.advice)), ("read", Text(f"docs/{found.page}", style="dim"))]
    table = Table.grid(padding=(0, 2))
    for title, text in rows:
        table.add_row(Text(title, style="dim"), text)
    doubt = [] if found.certain else [Text("(this is what fits best; the traces do not prove it)", style="dim")]
    return Group(Text(sentence(found.sentence, labels)), *doubt, Text(), table)


def _facts(verdict: Verdict) -> RenderableType:
    finding = verdict.worst
    comparison, pair = finding.comparison, finding.comparison.divergence
    rows: list[tuple[str, str]] = []
    if pair is not None:
        before = len([step for step in comparison.pairing.steps if step < pair.step])
        kinds = listed(_kinds(comparison.agreed()), 12)
        rows.append(("the same until then", f"{count(before, 'step')}; {kinds}" if before else kinds))
        later = [f"{name(series)} ({other.step})" for series, other in comparison.later.items()]
        rows += [("differs after it", listed(later, 8))] if later else []
    evidence = finding.evidence
    found = (*evidence.program, *evidence.setup, *evidence.environment)
    # The command is what the reader decided; of the others the details of the diagnosis have what matters.
    changes = [change(one) if one.name == "command" else one.name for one in found]
    if changes:
        rows.append(("differs around them", listed(changes, _MOST)))
    rows += _not_compared(finding) + _processes(verdict)
    table = Table.grid(padding=(0, 2))
    for title, text in rows:
        table.add_row(Text(title, style="dim"), Text(text))
    return table


def _not_compared(finding: Finding) -> list[tuple[str, str]]:
    pairing, labels = finding.comparison.pairing, finding.evidence.labels
    rows = []
    for side in (0, 1):
        names = [str(series) for series, where in pairing.left_out.items() if where == side]
        rows += [("not compared", f"{listed(names, _MOST)}: only in {labels[side]}")] if names else []
    if pairing.idle:
        idle = listed([str(series) for series in sorted(pairing.idle)])
        rows.append(("not compared", f"{idle}: not the same, but never drawn from"))
    return rows


def _processes(verdict: Verdict) -> list[tuple[str, str]]:
    rows = [(finding.comparison.process, _short(finding.comparison)) for finding in verdict.findings]
    labels = verdict.findings[0].evidence.labels
    rows += [(process, f"only in {labels[side]}") for process, side in verdict.run.left_out.items()]
    return rows if len(rows) > 1 else []


def _short(comparison: Comparison) -> str:
    pair = comparison.divergence
    if pair is not None:
        return f"differs in step {pair.step}: {name(pair.series)}"
    return "the same" if comparison.same else "another number of steps"


def _kinds(series: Iterable[Series]) -> list[str]:
    """Return generators by their names and all else by kind."""
    return list(dict.fromkeys(str(found) if found.kind == "rng" else found.kind for found in sorted(series)))
