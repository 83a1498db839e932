"""What is tried next where several things at once did not come out the same."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samerun.verify import Conditions, Death, Scenario, Trial
from samerun.verify.splitting import Part, split
from samerun.verify.trial import together

SCENARIO = Scenario("own", "does it my way", 1, lambda _: [], order=0)
FIRST, MIDDLE, TWICE, SAVE, LAST = (
    Trial("first", deaths=(Death(1, "SIGTERM"),)),
    Trial("middle", deaths=(Death(10, "SIGKILL"),)),
    Trial("twice", deaths=(Death(10, "SIGKILL"), Death(15, "SIGKILL"))),
    Trial("save", deaths=(Death(5, "SIGKILL", in_save=True),)),
    Trial("last", deaths=(Death(30, "SIGKILL"),)),
)


def labels(trials, process, whole=None):
    groups = split(whole or together(trials), [Part(SCENARIO, trial) for trial in trials], process)
    return [[part.trial.label for part in group] for group in groups]


@pytest.mark.parametrize(
    ("process", "groups"),
    [
        (1, [["first"], ["middle", "twice", "save", "last"]]),
        (2, [["first"], ["save"], ["middle", "twice", "last"]]),
        (3, [["first", "save"], ["middle"], ["twice"], ["last"]]),
        (4, [["first", "middle", "save"], ["twice"], ["last"]]),
        (5, [["first", "middle", "twice", "save"], ["last"]]),
        # It is not known what it resumed from.
        (0, [["first", "middle"], ["twice", "save", "last"]]),
        (None, [["first", "middle"], ["twice", "save", "last"]]),
    ],
)
def test_deaths_part_where_the_process_that_differs_was_resumed(process, groups):
    assert labels([FIRST, MIDDLE, TWICE, SAVE, LAST], process) == groups


def test_what_is_not_killed_at_all_is_left_with_what_was_survived():
    assert labels([LAST, Trial("not killed"), FIRST], 1) == [["not killed"], ["first"], ["last"]]
    assert labels([LAST, Trial("not killed"), FIRST], 2) == [["not killed", "first"], ["last"]]


def test_conditions_are_halved():
    trials = [Trial(name, Conditions(disturbances={name: 1})) for name in "abcdef"]
    assert labels(trials, 0) == [["a", "b", "c"], ["d", "e", "f"]]
    assert labels(trials[:2], 0) == [["a"], ["b"]]


VARIABLES = [Trial(name, Conditions({name: "1"})) for name in "abcd"]
ALL = together(VARIABLES)


@pytest.mark.parametrize(
    ("whole", "trials"),
    [
        (dataclasses.replace(ALL, conditions=ALL.conditions | Conditions({"e": "1"})), VARIABLES),
        (dataclasses.replace(ALL, deaths=(Death(3, "SIGKILL"),)), VARIABLES),
        (dataclasses.replace(ALL, against=FIRST), VARIABLES),
        (ALL, [*VARIABLES[:3], dataclasses.replace(VARIABLES[3], against=FIRST)]),
        (None, [*VARIABLES[:3], Trial("d", Conditions({"c": "another", "d": "1"}))]),
    ],
    ids=[
        "more conditions",
        "another death",
        "like another run",
        "one is like another run",
        "they contradict each other",
    ],
)
def test_what_is_more_than_the_sum_of_its_parts_is_parted_into_each(whole, trials):
    assert labels(VARIABLES, 0, ALL) == [["a", "b"], ["c", "d"]]
    assert labels(trials, 0, whole) == [["a"], ["b"], ["c"], ["d"]]


@given(st.sets(st.integers(1, 9), min_size=2, max_size=9), st.data())
def test_each_part_is_in_one_group_and_no_group_is_all_of_them(steps, data):
    trials = [Trial(str(step), deaths=(Death(step, "SIGKILL"),)) for step in steps]
    process = data.draw(st.none() | st.integers(0, len(steps)))
    groups = labels(trials, process)
    assert sorted(label for group in groups for label in group) == sorted(map(str, steps))
    assert all(0 < len(group) < len(trials) for group in groups)
