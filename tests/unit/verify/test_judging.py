"""When enough is known of a run that still goes on."""

import pytest

from runs import plain, record
from samerun.verify.judging import BEHIND, has_diverged

AT = 7


def other(step, phase, kind, name):
    return "another" if (step, kind) == (AT, "loss") else plain(step, phase, kind, name)


@pytest.fixture
def first(tmp_path):
    return record(tmp_path / "first.trace")


@pytest.mark.parametrize(
    ("made", "enough"), [(AT, False), (AT + 1, False), (AT + BEHIND, False), (AT + BEHIND + 1, True)]
)
def test_it_differs_once_some_steps_behind_are_recorded(first, tmp_path, made, enough):
    assert has_diverged(first, record(tmp_path / "run.trace", other, steps=range(made), finished=None)) is enough


def test_a_run_that_is_the_same_and_one_that_goes_on_from_another_step_does_not(first, tmp_path):
    assert not has_diverged(first, record(tmp_path / "same.trace"))
    assert not has_diverged(first, record(tmp_path / "resumed.trace", steps=range(5, 20), start=5))


def test_generators_alone_make_no_difference(first, tmp_path):
    def drawn(step, phase, kind, name):
        return "another" if kind == "rng" else plain(step, phase, kind, name)

    assert not has_diverged(first, record(tmp_path / "run.trace", drawn))


def test_one_that_has_not_begun_does_not(first, tmp_path):
    assert not has_diverged(first, tmp_path / "none.trace")
    assert not has_diverged(first, record(tmp_path / "begun.trace", steps=range(0)))
