from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

EXPERIMENT = find_experiment("generator-states")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert [claim.holds for claim in outcome.conclusion] == [True, True, True]
    # Published by github.com/yu-yagi/random_seed_experment; see tests/golden/test_published_values.py.
    peeks = outcome.figures["peeks"]
    firsts = [peeks[name]["first"] for name in ("random", "np.random", "torch, CPU")]
    assert firsts == [0.6394267984578837, 1608637542, 6909045637428952499]


def test_a_state_is_made_of_what_the_table_says(outcome):
    states = outcome.figures["states"]
    assert states["random"] == "version 3, 624 words, position 624, gauss None"
    assert states["np.random"] == "MT19937, 624 words, position 624, has_gauss 0, gauss 0.0"
    assert states["default_rng"].startswith("PCG64, state of 12")
    assert states["torch, CPU"] == "5056 bytes: seed 42, 624 words, position 0, gaussian"
    positions = outcome.figures["positions"]
    assert positions["random"][:2] == [4, 6]  # the peek took two words
    assert positions["np.random"][:2] == [2, 3]
    assert positions["torch, CPU"][:2] == [4, 6]
    assert max(map(max, positions.values())) <= 624


@pytest.mark.parametrize(
    ("path", "value", "claim"),
    [
        (("peeks", "random", "restored"), 0.5, 0),
        (("peeks", "default_rng", "following"), "first", 0),
        (("transplanted", "np.random", 7), -1, 1),
        (("gauss", "whole"), 0.0, 2),
        (("gauss", "words_only"), "expected", 2),
    ],
)
def test_other_figures_give_another_conclusion(outcome, path, value, claim):
    figures = deepcopy(outcome.figures)
    *parents, last = path
    place = figures
    for key in parents:
        place = place[key]
    place[last] = place[value] if isinstance(value, str) else value
    found = EXPERIMENT.judge(figures)
    assert not found.holds
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == [claim]
