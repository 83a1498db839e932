"""The verdict as one HTML page."""

from __future__ import annotations

from samerun.errors import MissingExtraError
from samerun.pages import templates
from samerun.verify.outcome import Report
from samerun.verify.words import (
    ANEW,
    VERDICTS,
    advice_to_resume,
    difference,
    headline,
    resumed,
    rows,
    surroundings,
    verdict,
)

__all__ = ["page"]


def page(report: Report) -> str:
    """Return the page.

    Raises:
        MissingExtraError: if jinja2 is not installed.
    """
    try:
        environment = templates("samerun.verify")
    except ImportError as error:
        raise MissingExtraError("jinja2", "verify") from error
    environment.filters |= {"difference": difference, "resumed": resumed, "verdict": verdict}
    status, of = headline(report)
    return environment.get_template("page.html").render(
        report=report,
        verdicts=VERDICTS,
        status=status,
        of=of,
        told=[row for row in rows(report.outcomes) if row.first.status in ("differs", "environment", "failed")],
        anew=ANEW,
        advice=advice_to_resume(report),
        surroundings=surroundings(report.environment),
    )
