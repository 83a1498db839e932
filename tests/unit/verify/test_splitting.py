"""What is tried next where several things at once did not come out the same."""

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


def test_conditions_are_halved():
    trials = [Trial(name, Conditions(disturbances={name: 1})) for name in "abcdef"]
    assert labels(trials, 0) == [["a", "b", "c"], ["d", "e", "f"]]
    assert labels(trials[:2], 0) == [["a"], ["b"]]


@pytest.mark.parametrize(
    "whole",
    [Trial("both", Conditions(disturbances={"draws": "both"})), Trial("both", deaths=(Death(3, "SIGKILL"),))],
)
def test_what_is_more_than_its_parts_is_never_put_together_of_fewer(whole):
    trials = [Trial(name, Conditions(disturbances={"draws": name})) for name in "abcd"]
    assert labels(trials, 1, whole) == [["a"], ["b"], ["c"], ["d"]]


@given(st.sets(st.integers(1, 9), min_size=2, max_size=9), st.data())
def test_each_part_is_in_one_group_and_no_group_is_all_of_them(steps, data):
    trials = [Trial(str(step), deaths=(Death(step, "SIGKILL"),)) for step in steps]
    process = data.draw(st.none() | st.integers(0, len(steps)))
    groups = labels(trials, process)
    assert sorted(label for group in groups for label in group) == sorted(map(str, steps))
    assert all(0 < len(group) < len(trials) for group in groups)
