"""The verdict as a test fails with it."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from samerun.divergence.words import count
from samerun.verify import Outcome, Report

__all__ = ["verdict"]

_BAD = ("differs", "failed")
_WORDS = {
    "same": "the same",
    "differs": "DIFFERS",
    "environment": "depends on the environment",
    "failed": "COULD NOT RUN",
    "skipped": "not tried",
}


def verdict(report: Report, name: str) -> str:
    """Return what came of each trial, the first line in short, and what differs in full."""
    outcomes = [outcome for outcome in report.outcomes if not outcome.accepted]
    bad = [outcome for outcome in outcomes if outcome.status in _BAD]
    tried = [outcome for outcome in outcomes if outcome.status != "skipped"]
    head = f"{name}: the same run in {count(len(tried), 'trial')}"
    if bad:
        names = ", ".join(dict.fromkeys(outcome.scenario for outcome in bad))
        head = f"{name}: not the same run in {len(bad)} of {count(len(tried), 'trial')}: {names}"
    lines = [line for outcome in report.outcomes for line in _lines(outcome)]
    return "\n".join([head, f"({count(report.steps, 'step')}; one run takes {report.seconds:.1f} s)", "", *lines])


def _lines(outcome: Outcome) -> Iterator[str]:
    accepted = " (accepted)" * outcome.accepted
    yield f"{outcome.name}: {_WORDS[outcome.status]}{accepted}"
    if outcome.step is not None or outcome.what:
        since = "" if outcome.step is None else f"from step {outcome.step} on"
        yield indent(f"first difference: {', '.join(filter(None, (since, outcome.what)))}", "    ")
    if outcome.cause:
        yield indent(f"cause: {outcome.cause}", "    ")
    for text in (outcome.reason, outcome.place, *outcome.notes):
        if text:
            yield indent(text, "    ")
    if outcome.advice:
        yield indent(f"advice: {outcome.advice}", "    ")
