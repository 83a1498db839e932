from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

EXPERIMENT = find_experiment("numpy-duplicates")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True] * 3


def test_by_the_old_rule_four_workers_draw_what_one_does(outcome):
    first, second = outcome.figures["old"]
    assert first == second
    # Workers take turns: items 0 to 3 are the first of each. NumPy's first draws after seed 42.
    assert [first[place : place + 4] for place in (0, 4)] == [[1608637542] * 4, [1273642419] * 4]


@pytest.mark.parametrize(("rule", "claim"), [("old", 0), ("added", 1), ("recipe", 2), ("today", 2)])
def test_other_figures_give_another_conclusion(outcome, rule, claim):
    figures = deepcopy(outcome.figures)
    # another number where they repeat, and a repeated one where they do not
    figures[rule][1][3] = -1 if rule in ("old", "added") else figures[rule][0][0]
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == [claim]
