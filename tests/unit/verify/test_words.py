from __future__ import annotations

from dataclasses import replace

import pytest

from samerun.verify.outcome import Resumption
from samerun.verify.words import advice_to_resume, difference, headline, page, resumed, rows, surroundings
from verdicts import ALL, ANEW, DIFFERS, ENVIRONMENT, ENVIRONMENTAL, FAILED, SAME, SKIPPED, TWICE, WENT_ON, report


def test_trials_that_came_out_alike_share_a_row():
    found = [(row.first.scenario, row.tried) for row in rows(ALL)]
    assert found == [
        ("repeat", "again"),
        ("order", "shuffled listings"),
        ("workers", "1 worker, 2 workers"),
        ("workers", "3 workers, persistent"),
        ("threads", "1 thread"),
        ("save", "-"),
        ("interrupt", "SIGKILL in mid-epoch, SIGKILL twice in one epoch"),
    ]
    assert [row.tried for row in rows([WENT_ON, TWICE, ANEW])] == ["3 trials"]


def test_what_differs_by_another_cause_or_elsewhere_has_a_row_of_its_own():
    others = replace(DIFFERS, cause="threads"), replace(DIFFERS, place="a.py:1"), replace(DIFFERS, accepted=True)
    assert len(rows([DIFFERS, *others])) == 4
    assert len(rows([DIFFERS, replace(DIFFERS, step=9)])) == 1


def test_where_it_went_on_is_said_in_words():
    assert resumed(WENT_ON.resumptions) == "killed after 12 steps, went on from step 10"
    assert resumed([Resumption(1, in_save=False, start=10, ignored=11)]) == (
        "killed after 12 steps, 11 of them in spite of SIGTERM, went on from step 10"
    )
    assert resumed(TWICE.resumptions) == (
        "killed after 12 steps, went on from step 10; killed in a save after 14 steps, began anew"
    )


def test_only_who_never_goes_on_is_told_to():
    assert "--resume-cmd" in advice_to_resume(report(SAME, ANEW, replace(ANEW, trial="another")))
    spared = replace(ANEW, trial="another", status="skipped", resumptions=())
    assert "--resume-cmd" in advice_to_resume(report(SAME, ANEW, spared))
    assert advice_to_resume(report(ANEW, WENT_ON)) == ""
    assert advice_to_resume(report(SAME, SKIPPED)) == ""
    assert advice_to_resume(report(ANEW, replace(DIFFERS, scenario="interrupt"))) == ""


def test_a_difference_in_words():
    assert difference(DIFFERS) == "step 1,208: the batch, from the batch to the backward pass"
    assert difference(DIFFERS, moment=False) == "step 1,208: the batch"
    assert difference(replace(DIFFERS, what="")) == "step 1,208"
    assert difference(SAME) == ""


def test_only_causes_of_divergences_have_a_page():
    assert page("data-order") == "causes/data-order.md"
    assert page("timeout") == ""


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((SAME, WENT_ON), ("same", "all 2 trials")),
        ((SAME, SKIPPED), ("same", "1 of 1 trial")),
        ((SAME, ENVIRONMENTAL), ("same", "1 of 2 trials; 1 depends on the environment")),
        ((SAME, replace(DIFFERS, accepted=True)), ("same", "1 of 2 trials; 1 accepted")),
        ((SAME, FAILED), ("failed", "1 of 2 trials; 1 same")),
        ((SAME, FAILED, DIFFERS), ("differs", "1 of 3 trials; 1 same; 1 could not run")),
        ((SKIPPED,), ("skipped", "nothing was tried")),
    ],
)
def test_the_verdict_in_a_line(outcomes, expected):
    assert headline(report(*outcomes)) == expected


def test_what_it_was_tried_on():
    found = surroundings(ENVIRONMENT)
    assert found["commit"] == "0123456789 with changes"
    assert (found["CPU"], found["GPU"], found["threads"]) == ("AMD EPYC", "none", "2")
    bare = ENVIRONMENT | {"git": {"commit": None, "dirty": None}, "packages": {"torch": "2.6"}}
    assert surroundings(bare).keys() & {"commit", "numpy"} == set()
    one = ENVIRONMENT | {"gpu": {"cuda": "12.8", "devices": {"0": "NVIDIA H100, 570.1, 9.0"}}}
    assert surroundings(one)["GPU"] == "NVIDIA H100"
    assert surroundings(ENVIRONMENT | {"gpu": {"mps": "15.1"}})["GPU"] == "Apple, by MPS"
