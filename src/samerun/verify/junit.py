"""The verdict as JUnit's XML, which most CI services show."""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

from samerun.ci import xml_text
from samerun.verify.outcome import Outcome, Report
from samerun.verify.words import difference, resumed, surroundings, verdict

__all__ = ["document"]

# What stands in for a trial's result, unless it is the same or accepted.
_RESULTS = {"differs": "failure", "failed": "error", "environment": "skipped", "skipped": "skipped"}


def document(report: Report) -> str:
    """Return the document: a test case for each trial.

    What differs is a failure; what could not be run an error; what was not tried, is accepted or depends on the
    environment is skipped, with the reason.
    """
    cases = [_case(outcome) for outcome in report.outcomes]
    suite = Element("testsuite", name="samerun verify", tests=str(len(cases)), time=f"{_seconds(report):.3f}")
    for result, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(plural, str(sum(case.find(result) is not None for case in cases)))
    properties = SubElement(suite, "properties")
    for name, value in {"command": report.command, **surroundings(report.environment)}.items():
        SubElement(properties, "property", name=name, value=xml_text(value))
    suite.extend(cases)
    root = Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _seconds(report: Report) -> float:
    return report.runs * report.seconds


def _case(outcome: Outcome) -> Element:
    case = Element("testcase", classname=f"samerun.{outcome.scenario}", name=xml_text(outcome.trial))
    kind = "skipped" if outcome.accepted else _RESULTS.get(outcome.status)
    if kind is not None:
        said = ": ".join(filter(None, [verdict(outcome), difference(outcome) or outcome.reason]))
        result = SubElement(case, kind, message=xml_text(said))
        if kind != "skipped":
            result.set("type", outcome.cause)
        lines = [outcome.reason, outcome.place and f"at {outcome.place}", *outcome.notes]
        lines.append(outcome.advice and f"do: {outcome.advice}")
        result.text = xml_text("\n".join(filter(None, lines)))
    if outcome.resumptions:
        SubElement(case, "system-out").text = resumed(outcome.resumptions)
    return case
