from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

pytestmark = pytest.mark.slow

EXPERIMENT = find_experiment("hash-seed")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True] * 4


def test_late_workers_number_the_classes_as_a_process_that_was_started_with_the_variable(outcome):
    late, early = outcome.figures["late"], outcome.figures["early"]
    assert [found["variable"] for found in (*late, *early)] == ["42"] * 4
    assert [found["in_force"] for found in (*late, *early)] == [None, None, 42, 42]
    assert {tuple(found["classes_of_a_worker"]) for found in late} == {tuple(early[0]["classes"])}


@pytest.mark.parametrize(
    ("way", "key", "value", "claim"),
    [
        ("late", "in_force", 42, 0),
        ("late", "classes_of_a_worker", [], 1),
        ("early", "in_force", None, 2),
        ("early", "classes", [], 2),
        ("sorted", "classes", [], 3),
    ],
)
def test_other_figures_give_another_conclusion(outcome, way, key, value, claim):
    figures = deepcopy(outcome.figures)
    figures[way][1][key] = value
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == [claim]


def test_equal_orders_by_a_late_variable_would_be_noticed(outcome):
    figures = deepcopy(outcome.figures)
    figures["late"][1]["classes"] = figures["late"][0]["classes"]
    assert not EXPERIMENT.judge(figures).conclusion[0].holds
