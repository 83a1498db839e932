from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

pytestmark = pytest.mark.slow

EXPERIMENT = find_experiment("one-ulp")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True] * 4


def test_runs_begin_where_they_say(outcome):
    for runs in outcome.figures.values():
        starts = {run: found["distances"][0] for run, found in runs.items()}
        # one ulp of a weight of a first layer, which is below 1/3 in size
        assert 0 < starts.pop("ulp") <= 2**-25
        assert set(starts.values()) == {0.0}
        assert all(len(found["distances"]) == 1 + 20 * 21 for found in runs.values())
        assert runs["again"]["accuracies"] == runs["straight"]["accuracies"] != runs["order"]["accuracies"]


def test_the_model_learns(outcome):
    assert all(runs["straight"]["accuracies"][-1] > 0.9 for runs in outcome.figures.values())


@pytest.mark.parametrize(
    ("optimizer", "run", "key", "place", "value", "claim"),
    [
        ("SGD", "again", "distances", 7, 1e-9, 0),
        ("SGD", "ulp", "distances", -1, 1e-7, 1),
        ("Adam", "order", "distances", -1, 1e9, 1),
        ("SGD", "ulp", "other_predictions", None, 0, 2),
        ("Adam", "ulp", "distances", 1, 1e-7, 3),
        ("Adam", "ulp", "share_without_gradient", None, 0.4, 3),
    ],
)
def test_other_figures_give_another_conclusion(outcome, optimizer, run, key, place, value, claim):
    figures = deepcopy(outcome.figures)
    if place is None:
        figures[optimizer][run][key] = value
    else:
        figures[optimizer][run][key][place] = value
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == [claim]


def test_a_weight_that_was_not_changed_would_be_noticed(outcome):
    figures = {name: {**runs, "ulp": runs["again"]} for name, runs in outcome.figures.items()}
    assert [claim.holds for claim in EXPERIMENT.judge(figures).conclusion] == [True, False, False, False]
