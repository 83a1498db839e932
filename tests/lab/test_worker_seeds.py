from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

EXPERIMENT = find_experiment("worker-seeds")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True] * 4


def test_the_published_values_come_out(outcome):
    # Also in tests/golden/test_published_values.py, by another route.
    assert outcome.figures["anew"]["epochs"][0][0] == [
        0,
        6909045637428952499,
        0.76579821087278,
        959832575,
        1170639138655272132,
    ]
    assert len(outcome.figures["published"]) == 8
    assert [row[-1].good for row in outcome.tables[0].rows] == [True] * 8


def test_persistent_workers_begin_as_others(outcome):
    anew, persistent = (outcome.figures[key]["epochs"] for key in ("anew", "persistent"))
    assert anew[0] == persistent[0]
    assert all(anew[epoch] != persistent[epoch] for epoch in range(1, 5))


@pytest.mark.parametrize(
    ("path", "value", "claims"),
    [
        (("published", 3, 2), 0.5, [0]),
        (("anew", "drawn", 2), 1, [1]),
        (("anew", "next"), 1, [1]),
        (("anew", "predicted", 4, 3, 3), 1, [2]),
        (("persistent", "next"), 1, [3]),
        (("persistent", "epochs", 0, 0, 2), 0.5, [3]),
        (("persistent", "epochs", 3, 1, 1), 7, [3]),
    ],
)
def test_other_figures_give_another_conclusion(outcome, path, value, claims):
    figures = deepcopy(outcome.figures)
    *parents, last = path
    place = figures
    for key in parents:
        place = place[key]
    place[last] = value
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == claims


def test_workers_seeded_alike_in_later_epochs_would_be_noticed(outcome):
    figures = deepcopy(outcome.figures)
    figures["persistent"]["epochs"][2][0][2] = figures["persistent"]["predicted"][2][0][2]
    assert not EXPERIMENT.judge(figures).conclusion[3].holds
