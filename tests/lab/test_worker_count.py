from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

pytestmark = pytest.mark.slow

EXPERIMENT = find_experiment("worker-count")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True] * 4


def test_every_loader_gives_every_item_in_order(outcome):
    for counts in outcome.figures.values():
        assert list(counts) == ["0", "1", "2", "3"]
        for found in counts.values():
            assert [item[0] for item in found["items"]] == list(range(12))
            assert len(found["training"]) == 6
            assert len({number for item in found["items"] for number in item[1:]}) == 36


@pytest.mark.parametrize(
    ("loader", "workers", "key", "claims"),
    [
        ("torch", "2", "predicted", [1]),
        ("torch", "3", "training", [2]),
        ("samerun", "1", "items", [3]),
        ("samerun", "2", "training", [3]),
    ],
)
def test_other_figures_give_another_conclusion(outcome, loader, workers, key, claims):
    figures = deepcopy(outcome.figures)
    figures[loader][workers][key][5] = figures[loader][workers][key][4]
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == claims


def test_equal_epochs_would_be_noticed(outcome):
    figures = deepcopy(outcome.figures)
    figures["torch"]["3"]["items"] = figures["torch"]["2"]["items"]
    assert not EXPERIMENT.judge(figures).conclusion[0].holds
