from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

pytestmark = pytest.mark.slow

EXPERIMENT = find_experiment("notebook-cells")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True] * 4


def test_the_trainings_are_three_epochs_and_part_at_the_look(outcome):
    losses = {way: found["losses"] for way, found in outcome.figures.items()}
    assert all(len(found) == 24 for found in losses.values())
    assert all(found[:8] == losses["nothing"][:8] for found in losses.values())
    assert losses["look"][8] != losses["nothing"][8]
    assert all(found == losses["nothing"] for way, found in losses.items() if way != "look")


def test_the_guard_says_what_drew(outcome):
    notices, errors = outcome.figures["guard"]["notices"], outcome.figures["error"]["failed"]
    assert all("drew from python, numpy, torch.cpu" in said for said in (*notices, *errors))
    assert not any(outcome.figures[way]["notices"] for way in ("nothing", "look", "isolate", "stream"))


@pytest.mark.parametrize(
    ("way", "key", "value", "claim"),
    [
        ("isolate", "model", "other", 1),
        ("stream", "looks", [[1, 2, 3], [1, 2, 3]], 1),
        ("guard", "model", "other", 2),
        ("guard", "notices", [], 2),
        ("error", "failed", [], 3),
    ],
)
def test_other_figures_give_another_conclusion(outcome, way, key, value, claim):
    figures = deepcopy(outcome.figures)
    figures[way][key] = value
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == [claim]


def test_a_look_that_changed_nothing_would_be_noticed(outcome):
    figures = deepcopy(outcome.figures)
    figures["look"]["model"] = figures["nothing"]["model"]
    assert not EXPERIMENT.judge(figures).conclusion[0].holds
