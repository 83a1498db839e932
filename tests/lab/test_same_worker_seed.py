from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

pytestmark = pytest.mark.slow

EXPERIMENT = find_experiment("same-worker-seed")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True] * 4


def test_only_seeded_workers_and_keyed_items_differ(outcome):
    different = {name: len({image["covered"] for image in found}) for name, found in outcome.figures["images"].items()}
    assert different == {
        "own": 4,
        "own, one seed": 1,
        "albumentations": 1,
        "albumentations, one seed": 1,
        "albumentations, samerun": 4,
    }


def test_seeds_change_nothing_for_albumentations(outcome):
    images = outcome.figures["images"]
    assert images["albumentations"] == images["albumentations, one seed"]
    assert images["own"][0] != images["own, one seed"][0]


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("own", [0]),
        ("own, one seed", [0]),
        ("albumentations", [1]),
        ("albumentations, one seed", [1]),
        ("albumentations, samerun", [3]),
    ],
)
def test_other_figures_give_another_conclusion(outcome, name, claims):
    figures = deepcopy(outcome.figures)
    images = figures["images"][name]
    images[2]["fingerprint"] = "0" * 32 if images[2] == images[1] else images[1]["fingerprint"]
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == claims


def test_a_second_run_that_is_the_same_or_is_not_would_be_noticed(outcome):
    figures = deepcopy(outcome.figures)
    figures["again"]["albumentations"] = figures["images"]["albumentations"]
    assert not EXPERIMENT.judge(figures).conclusion[2].holds
    figures["again"]["albumentations, samerun"] = figures["images"]["own"]
    assert not EXPERIMENT.judge(figures).conclusion[3].holds
