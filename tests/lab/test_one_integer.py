from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

EXPERIMENT = find_experiment("one-integer")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True] * 4


def test_the_crops_lie_on_the_diagonal_only_with_one_integer(outcome):
    classic, independent = (outcome.figures["schemes"][scheme] for scheme in ("classic", "independent"))
    assert (classic["equal_words"], classic["equal_crops"]) == (1000, 1000)
    assert (independent["equal_words"], independent["equal_crops"]) == (0, 35)
    assert classic["crops"][0] == classic["crops"][1]


def test_sums_collide_as_often_as_can_be_counted(outcome):
    # seed + rank + epoch of 0..9, 0..7 and 0..9: every number from 0 to 25, and 64 places share one in the middle
    assert outcome.figures["sum"]["different"] == 26
    assert sum(outcome.figures["sum"]["shared_by"]) == 800
    assert outcome.figures["sum"]["shared_by"][-1] == sum(
        seed + rank + epoch == 12 for seed in range(10) for rank in range(8) for epoch in range(10)
    )
    assert outcome.figures["derive"]["shared_by"] == [1] * 800


@pytest.mark.parametrize(
    ("path", "value", "claim"),
    [
        (("schemes", "classic", "equal_words"), 999, 0),
        (("schemes", "independent", "equal_words"), 1, 1),
        (("schemes", "independent", "equal_crops"), 63, 1),
        (("sum", "different"), 800, 2),
        (("sum", "neighbours_draw_the_same"), False, 2),
        (("derive", "different"), 799, 3),
        (("derive", "neighbours_draw_the_same"), True, 3),
    ],
)
def test_other_figures_give_another_conclusion(outcome, path, value, claim):
    figures = deepcopy(outcome.figures)
    *parents, last = path
    place = figures
    for key in parents:
        place = place[key]
    place[last] = value
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == [claim]
