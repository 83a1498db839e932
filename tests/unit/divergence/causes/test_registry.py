from __future__ import annotations

from pathlib import Path

from planted import ENVIRONMENT, spoiled
from samerun.divergence.causes.registry import all_causes
from samerun.tracing.format import Phase


def test_two_same_runs_have_no_cause(judge):
    assert judge({}, {}) == ()


def test_a_different_number_of_steps(judge):
    (found,) = judge({"steps": range(20)}, {"steps": range(15)})
    assert found.cause == "number-of-steps"
    assert found.sentence == "B.trace ended after 15 steps, A.trace after 20; all that both did is the same"


def test_what_cannot_be_told_says_what_to_record(judge):
    events = ((Phase.STEPPED, "parameters", ""),)
    meta = {"environment": ENVIRONMENT}
    (found,) = judge({"events": events, "meta": meta}, {"events": events, "content": spoiled(3, "parameters")})
    assert (found.cause, found.certain) == ("unknown", False)
    assert "samerun explain" in found.advice
    assert found.details[0] == "not recorded in both: rng, batch, gradients, rates"


def test_every_cause_has_a_page_and_every_page_a_cause():
    folder = Path(__file__).parents[4] / "docs" / "causes"
    pages = {page.stem for page in folder.glob("*.md")} - {"index"}
    assert pages == {cause.name for cause in all_causes()}


def test_the_order_in_which_causes_are_asked_is_no_accident():
    orders = [cause.order for cause in all_causes()]
    assert orders == sorted(set(orders))
    assert all_causes()[-1].name == "unknown"
