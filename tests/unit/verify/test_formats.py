"""The verdict as JUnit's XML, as annotations of a workflow, as a summary."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from samerun.verify.github import commands
from samerun.verify.junit import document
from samerun.verify.summary import summary
from verdicts import ALL, ANEW, DIFFERS, ENVIRONMENTAL, FAILED, SAME, SKIPPED, TWICE, WENT_ON, report

# --- JUnit


@pytest.fixture
def suite():
    root = ET.fromstring(document(report(*ALL, replace(DIFFERS, accepted=True))).encode())
    assert root.tag == "testsuites"
    (found,) = root
    return found


def case(suite, scenario, number=0):
    return suite.findall(f"testcase[@classname='samerun.{scenario}']")[number]


def test_each_trial_is_a_case_and_they_are_counted(suite):
    assert len(suite.findall("testcase")) == len(ALL) + 1
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "10", "failures": "1", "errors": "1", "skipped": "3"}
    assert float(suite.get("time")) == pytest.approx(3.8 * 11.5)
    properties = {found.get("name"): found.get("value") for found in suite.find("properties")}
    assert properties["command"] == "python train.py"
    assert properties["torch"] == "2.13.0"


def test_a_difference_is_a_failure_that_says_all(suite):
    failure = case(suite, "workers", 2).find("failure")
    assert failure.get("message") == "differs: step 1,208: the batch, from the batch to the backward pass"
    assert failure.get("type") == "data-order"
    assert failure.text.splitlines() == [
        DIFFERS.reason,
        "at train.py:7 in <module>",
        "num_workers: 0 and 3",
        "do: let the order depend on a seed: `samerun.DataLoader`",
    ]


def test_what_could_not_run_is_an_error_without_the_colours_of_a_terminal(suite):
    error = case(suite, "order").find("error")
    assert error.text.splitlines() == ["it ended with exit code 1: ValueError: 100% <wrong>", "Traceback"]
    assert error.get("message") == "could not run: it ended with exit code 1: ValueError: 100% <wrong>"


def test_what_xml_cannot_hold_is_left_out():
    root = ET.fromstring(document(report(replace(FAILED, reason="a\x00b\x08c\ud800d\ufffee"))))
    assert root.find(".//error").text.splitlines()[0] == "abcde"


def test_what_depends_on_the_environment_is_accepted_or_was_not_tried_is_skipped(suite):
    assert case(suite, "threads").find("skipped").get("message").startswith("depends on the environment: step 3")
    assert case(suite, "save").find("skipped").get("message") == "not tried: it saves nothing"
    assert case(suite, "workers", 3).find("skipped").get("message").startswith("differs, accepted: step 1,208")
    assert list(case(suite, "repeat")) == []


def test_where_it_went_on_is_in_its_output(suite):
    assert case(suite, "interrupt").find("system-out").text == "killed after 12 steps, went on from step 10"


# --- GitHub


def test_a_difference_is_an_error_at_its_line():
    (line,) = commands(report(SAME, SKIPPED, WENT_ON, DIFFERS))
    assert line == (
        "::error title=samerun%3A workers%3A 3 workers%2C persistent differs,file=train.py,line=7::"
        "step 1,208: the batch, from the batch to the backward pass%0A"
        "The data come in another order: 8 of the 8 samples come in other batches in the first run.%0A"
        "What to do: let the order depend on a seed: `samerun.DataLoader`"
    )


def test_what_is_to_be_noticed_has_its_level():
    lines = list(commands(report(FAILED, ENVIRONMENTAL, replace(DIFFERS, accepted=True), ANEW)))
    assert [line.split()[0] for line in lines] == ["::error", "::warning", "::notice", "::warning"]
    assert "ValueError: 100%25 <wrong>" in lines[0]
    assert "file=" not in lines[0]
    assert "nothing was resumed" in lines[3]


# --- the summary


def test_the_summary_is_a_few_lines():
    assert summary(report(*ALL)).splitlines() == [
        "**samerun verify: differs** (1 of 8 trials; 5 same; 1 depends on the environment; 1 could not run)"
        " · `python train.py` · 24 steps",
        "torch 2.13.0 · Python 3.11.7 · samerun 0.1.0 · AMD EPYC, 2 threads · Linux 6.1 x86_64"
        " · commit 0123456789 with changes",
        "",
        "- same: repeat, workers (2 trials), interrupt (2 trials)",
        "- differs: workers (3 workers, persistent, step 1,208: the batch, data-order)",
        "- depends on the environment: threads (1 thread, step 3: the loss, threads)",
        "- could not run: order (shuffled listings, exit-code)",
        "- not tried: save (it saves nothing)",
    ]


def test_the_summary_tells_what_is_accepted_and_that_nothing_was_resumed():
    lines = summary(report(SAME, replace(DIFFERS, accepted=True), ANEW)).splitlines()
    assert lines[0].startswith("**samerun verify: same** (2 of 3 trials; 1 accepted)")
    assert lines[3:] == [
        "- same: repeat, interrupt",
        "- differs, accepted: workers (3 workers, persistent, step 1,208: the batch, data-order)",
        "- nothing was resumed; each time it was killed, it began anew",
    ]
    assert "nothing was resumed" not in summary(report(SAME, ANEW, TWICE))
