"""A verdict as one HTML page."""

from __future__ import annotations

from typing import Any

from samerun.divergence.charts import Line, chart, strip
from samerun.divergence.history import history
from samerun.divergence.verdict import Finding, Verdict
from samerun.divergence.words import MOMENTS, name, sentence, subject
from samerun.errors import MissingExtraError
from samerun.pages import templates

__all__ = ["page"]


def page(verdict: Verdict) -> str:
    """Return the page; it shows the process with the earliest difference in full, and names the others.

    Raises:
        MissingExtraError: if jinja2 is not installed.
        TraceError: if a trace is damaged.
    """
    try:
        environment = templates("samerun.divergence")
    except ImportError as error:
        raise MissingExtraError("jinja2", "report") from error
    environment.filters["series_name"] = name
    return environment.get_template("page.html").render(_values(verdict))


def _values(verdict: Verdict) -> dict[str, Any]:
    finding = verdict.worst
    pair = finding.comparison.divergence
    changes = (*finding.evidence.program, *finding.evidence.setup, *finding.evidence.environment)
    return {
        "verdict": verdict,
        "finding": finding,
        "pair": pair,
        "sentence": sentence,
        "name": name,
        "where": None if pair is None else f"{subject(pair.series)}, {MOMENTS[pair.phase]}",
        "values": (None, None) if pair is None else finding.evidence.values_of(pair),
        "changes": [change for change in changes if change.name != "command"],
        "commands": [_command(finding, side) for side in (0, 1)],
        **_drawings(finding),
    }


def _drawings(finding: Finding) -> dict[str, Any]:
    found = history(finding.comparison)
    at = finding.comparison.divergence.step if finding.comparison.divergence else None
    labels = finding.evidence.labels
    losses = [
        Line(label, points, kind) for label, points, kind in zip(labels, found.losses, ("first", "second"), strict=True)
    ]
    tensors = [(step, 100 * differing / total) for step, differing, total in found.tensors]
    return {
        "history": found,
        "strip": strip(found, at),
        "losses": chart("Losses", losses, at) if any(found.losses) else None,
        "distances": _if_any(
            chart("Distance of the losses", [Line("", found.distances, "apart")], at, logarithmic=True), found.distances
        ),
        "tensors": _if_any(chart("Parameters that differ, in percent", [Line("", tensors, "apart")], at), tensors),
    }


def _if_any(drawing: Any, points: list[Any]) -> Any:
    return drawing if any(value for _, value in points) else None


def _command(finding: Finding, side: int) -> str:
    command = finding.evidence.traces[side].meta.get("command") or {}
    return " ".join(map(str, command.get("script_argv", command.get("argv", ()))))
