from __future__ import annotations

import pytest

from samerun.lab import Claim, Experiment, Mark, Outcome, Table, Text

WORD = Text("word", "語")


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"a row of 'word' has 1 cells, not 2: \('a',\)"):
        Table(WORD, (WORD, WORD), (("a", "b"), ("a",)))


@pytest.mark.parametrize(("holds", "all_hold"), [([], True), ([True, True], True), ([True, False], False)])
def test_an_outcome_holds_if_every_sentence_does(holds, all_hold):
    assert Outcome({}, tuple(Claim(WORD, each) for each in holds)).holds == all_hold


def test_running_is_judging_what_was_measured():
    found = Experiment(
        number=99,
        name="made-up",
        title=WORD,
        question=WORD,
        hypothesis=WORD,
        measure=lambda: {"number": 3},
        judge=lambda figures: Outcome(figures, (Claim(WORD, figures["number"] == 3),)),
    )
    assert found.command == "samerun lab made-up"
    assert found.run().figures == {"number": 3}
    assert found.run().holds
    assert not found.judge({"number": 4}).holds


def test_marks_of_equal_and_of_different_bits():
    assert (Mark.same(True).good, Mark.same(True).text.en) == (True, "same")
    assert (Mark.same(False).good, Mark.same(False).text.en) == (False, "differs")
