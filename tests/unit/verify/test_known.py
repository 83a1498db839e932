"""What runs that differed show of others that begin in the same way."""

import dataclasses

import pytest

from samerun.verify import Conditions, Death, Outcome, Scenario, Trial
from samerun.verify.judging import Judgement
from samerun.verify.known import Known

SCENARIO = Scenario("own", "does it my way", 1, lambda _: [], order=0)
KILLED, LATER, SOON = (Death(step, "SIGKILL") for step in (10, 18, 17))
ONCE, TWICE = Trial("once", deaths=(KILLED,)), Trial("twice", deaths=(KILLED, LATER))
DIFFERS = Judgement(Outcome("own", "once", "differs", step=12), process=1, step=12)
FAILED = dataclasses.replace(DIFFERS, step=None)


def shown(trial, *, by=ONCE, found=DIFFERS, scenario=SCENARIO):
    known = Known()
    known.note(by, found)
    return known.shown(scenario, trial)


@pytest.mark.parametrize(("trial", "by"), [(ONCE, ONCE), (TWICE, ONCE), (ONCE, TWICE), (TWICE, TWICE)])
def test_a_run_shows_what_begins_as_it_does_up_to_where_it_differs(trial, by):
    found = shown(trial, by=by)
    assert found == dataclasses.replace(DIFFERS, outcome=dataclasses.replace(DIFFERS.outcome, trial=trial.label))


@pytest.mark.parametrize(
    "other",
    [
        Trial("elsewhere", deaths=(Death(11, "SIGKILL"),)),
        Trial("in a save", deaths=(dataclasses.replace(KILLED, in_save=True),)),
        Trial("by SIGTERM", deaths=(dataclasses.replace(KILLED, signal="SIGTERM"),)),
        Trial("after another one", deaths=(Death(1, "SIGTERM"), KILLED)),
        Trial("with workers", Conditions(disturbances={"workers": 1}), deaths=(KILLED,)),
        Trial("not killed"),
        Trial("like another run", deaths=(KILLED,), against=Trial("with workers")),
        # It is killed before there is enough to see.
        Trial("killed soon", deaths=(KILLED, SOON)),
    ],
    ids=lambda trial: trial.label,
)
def test_it_shows_nothing_of_others(other):
    assert shown(other) is None
    assert shown(ONCE, by=other, found=DIFFERS) is None


def test_what_fails_at_a_step_that_is_not_known_shows_what_is_not_killed_again():
    assert shown(ONCE, found=FAILED) is not None
    assert shown(TWICE, found=FAILED) is None


def test_the_first_process_shows_nothing_and_neither_does_what_is_the_same():
    assert shown(TWICE, by=TWICE, found=dataclasses.replace(DIFFERS, process=0, step=2)) is None
    alone = Trial("not killed")
    assert shown(alone, by=alone, found=Judgement(Outcome("own", "not killed", "same"))) is None


def test_each_scenario_has_its_own_advice():
    assert shown(ONCE, scenario=dataclasses.replace(SCENARIO, name="other")) is None
