from __future__ import annotations

from copy import deepcopy

import pytest

from samerun.lab import Outcome, find_experiment

pytestmark = pytest.mark.slow

EXPERIMENT = find_experiment("arithmetic")


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return EXPERIMENT.run()


def test_every_sentence_holds(outcome):
    assert outcome.holds
    # the last one is about instruction sets, of which there may be one only
    assert len(outcome.conclusion) == (4 if outcome.figures["capability"] in ("AVX2", "AVX512") else 3)


def test_the_losses_part_where_the_models_do(outcome):
    settings = outcome.figures["settings"]
    assert settings["again"]["losses"] == settings["1 thread"]["losses"]
    assert settings["4 threads"]["losses"] != settings["1 thread"]["losses"]
    assert all(len(found["losses"]) == 60 for found in settings.values())


@pytest.mark.parametrize(
    ("setting", "operation", "claim"), [("again", "sum", 0), ("2 threads", "rand", 2), ("4 threads", "add", 2)]
)
def test_another_fingerprint_gives_another_conclusion(outcome, setting, operation, claim):
    figures = deepcopy(outcome.figures)
    figures["settings"][setting]["fingerprints"][operation] = "other"
    found = EXPERIMENT.judge(figures)
    assert [number for number, claim in enumerate(found.conclusion) if not claim.holds] == [claim]


def test_settings_that_changed_nothing_would_be_noticed(outcome):
    figures = deepcopy(outcome.figures)
    for found in figures["settings"].values():
        found["fingerprints"] = figures["settings"]["1 thread"]["fingerprints"]
    holds = [claim.holds for claim in EXPERIMENT.judge(figures).conclusion]
    assert holds == [True, False, True, False][: len(holds)]
