"""Findings as JUnit's XML, which most CI services show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element, SubElement

from samerun.ci import xml_text
from samerun.lint.finding import Finding
from samerun.lint.formats import Format
from samerun.lint.report import UNREADABLE, Report

__all__ = ["FORMAT", "write"]

_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


def write(reports: Sequence[Report]) -> str:
    """Return a suite with a test case for each finding, and a passing one for each file without any.

    What was found is a failure; what cannot be read an error.
    """
    cases = [case for report in reports for case in _cases(report)]
    suite = Element("testsuite", name="samerun lint", tests=str(len(cases)))
    for result, plural in (("failure", "failures"), ("error", "errors")):
        suite.set(plural, str(sum(case.find(result) is not None for case in cases)))
    suite.extend(cases)
    root = Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return f"{_HEAD}{ET.tostring(root, encoding='unicode')}\n"


def _cases(report: Report) -> Iterator[Element]:
    if not report.findings:
        yield _case(report, "samerun lint")
    for finding in report.findings:
        cell = f"cell {finding.range.cell}:" if finding.range.cell else ""
        where = f"{cell}{finding.range.line}:{finding.range.column}"
        case = _case(report, f"{finding.code} at {where}")
        case.set("line", str(report.line_in_file(finding.range)))
        kind = "error" if finding.code == UNREADABLE else "failure"
        result = SubElement(case, kind, message=xml_text(finding.message), type=finding.code)
        result.text = xml_text("\n".join([f"{report.path}:{where}", report.line(finding.range), *_advice(finding)]))
        yield case


def _case(report: Report, name: str) -> Element:
    path = xml_text(str(report.path))
    return Element("testcase", classname=path, name=name, file=path)


def _advice(finding: Finding) -> Iterator[str]:
    if finding.fix is not None:
        yield f"do: {finding.fix.summary}"


FORMAT = Format("junit", write)
