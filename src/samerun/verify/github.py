"""The verdict as annotations of a GitHub workflow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from samerun.ci import Level, annotation
from samerun.verify.outcome import Outcome, Report
from samerun.verify.words import ANEW, advice_to_resume, difference, verdict

__all__ = ["commands"]

_LEVELS: dict[str, Level] = {"differs": "error", "failed": "error", "environment": "warning"}
_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)( in .+)?")


def commands(report: Report) -> Iterator[str]:
    """Yield a line for each thing that is to be noticed, in the way that GitHub's runner reads from a job's output.

    What differs or could not be run is an error; what depends on the environment a warning; what is accepted a notice.
    """
    for outcome in report.outcomes:
        if outcome.status in _LEVELS:
            yield _annotation(outcome)
    if advice := advice_to_resume(report):
        yield annotation("warning", f"{ANEW}. {advice}", title="samerun: interrupt")


def _annotation(outcome: Outcome) -> str:
    properties = {"title": f"samerun: {outcome.name} {verdict(outcome)}"}
    if place := _PLACE.fullmatch(outcome.place):
        properties |= {"file": place["file"], "line": place["line"]}
    level = "notice" if outcome.accepted else _LEVELS[outcome.status]
    where = difference(outcome)
    text = "\n".join(filter(None, [where, outcome.reason, outcome.advice and f"What to do: {outcome.advice}"]))
    return annotation(level, text, **properties)
