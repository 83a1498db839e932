from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

pytestmark = pytest.mark.slow

EXPERIMENT = find_experiment("resume-epoch")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True] * 3


def test_every_combination_was_tried_and_one_is_exact(outcome):
    resumed = outcome.figures["resumed"]
    assert list(resumed) == [
        "none",
        "python",
        "numpy",
        "torch",
        "python + numpy",
        "python + torch",
        "numpy + torch",
        "python + numpy + torch",
    ]
    exact = {name: found["distances"] == [0.0] * 3 for name, found in resumed.items()}
    assert exact == {name: name == "python + numpy + torch" for name in resumed}


@pytest.mark.parametrize(
    ("name", "part", "claims"),
    [
        ("none", "order", [0, 1]),
        ("python", "shift", [1]),
        ("numpy + torch", "shift", [1]),
        ("torch", "model", [2]),
        ("python + numpy + torch", "model", [2]),
    ],
)
def test_other_figures_give_another_conclusion(outcome, name, part, claims):
    figures = deepcopy(outcome.figures)
    figures["resumed"][name]["same"][part] ^= True
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == claims


def test_a_beginning_that_is_not_repeated_would_be_noticed(outcome):
    figures = deepcopy(outcome.figures)
    figures["none_against_beginning"]["same"]["cutout"] = False
    assert not EXPERIMENT.judge(figures).conclusion[0].holds
