"""The verdict in a few lines of Markdown, for a README or the appendix of a paper."""

from __future__ import annotations

from samerun.divergence.words import count
from samerun.verify.outcome import Report, Status
from samerun.verify.words import ANEW, VERDICTS, Row, advice_to_resume, difference, headline, rows, surroundings

__all__ = ["summary"]


def summary(report: Report) -> str:
    """Return what was tried, on what, and with which result: a line for each verdict, and two above."""
    found = rows(report.outcomes)
    status, of = headline(report)
    around = surroundings(report.environment)
    lines = [
        f"**samerun verify: {VERDICTS[status]}** ({of}) · `{report.command}` · {count(report.steps, 'step')}",
        _on(around),
        "",
    ]
    for kind in VERDICTS:
        lines += _line(VERDICTS[kind], kind, [row for row in found if not row.first.accepted])
    lines += _line("differs, accepted", "differs", [row for row in found if row.first.accepted])
    if advice_to_resume(report):
        lines.append(f"- {ANEW}")
    return "\n".join(lines)


def _on(around: dict[str, str]) -> str:
    chip = f"{around['CPU']}, {count(int(around['threads']), 'thread')}"
    device = chip if around["GPU"] == "none" else f"{around['GPU']}, {chip}"
    commit = [f"commit {around['commit']}"] if "commit" in around else []
    versions = f"torch {around['torch']}", f"Python {around['python']}", f"samerun {around['samerun']}"
    return " · ".join([*versions, device, around["system"], *commit])


def _line(title: str, kind: Status, found: list[Row]) -> list[str]:
    told: dict[str, list[str]] = {}
    for row in found:
        if row.first.status == kind:
            told.setdefault(row.first.scenario, []).append(_said(row, kind))
    things = [f"{name} ({'; '.join(filter(None, said))})" if any(said) else name for name, said in told.items()]
    return [f"- {title}: {', '.join(things)}"] if things else []


def _said(row: Row, kind: Status) -> str:
    one = row.first
    if kind == "same":
        return f"{len(row.outcomes)} trials" if len(row.outcomes) > 1 else ""
    if kind == "skipped":
        return one.reason
    return ", ".join(filter(None, [row.tried, difference(one, moment=False), one.cause]))
