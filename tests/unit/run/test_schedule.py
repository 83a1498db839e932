from __future__ import annotations

import pytest

from samerun.run.schedule import Schedule, seconds


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("5min", 300), ("1.5h", 5400), ("2 d", 172800)])
def test_times(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "5m", "-1s", "0s", "1e3s", "5min later"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="a time is a positive number"):
        seconds(text)


def due(schedule, kind, steps=range(7)):
    found = []
    for step in steps:
        if schedule.due(step, kind):
            schedule.saved(step)
            found.append(step)
    return found


def test_what_is_due_when():
    assert due(Schedule(3, 1), "step") == [3, 6]
    assert due(Schedule(3, 2), "step") == [4, 6]
    assert due(Schedule("epoch", 1), "step") == []
    assert due(Schedule("epoch", 2), "epoch") == [0, 2, 4, 6]
    assert due(Schedule(None, 1), "step") == due(Schedule(None, 1), "epoch") == []


def test_by_the_clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("samerun.run.schedule.monotonic", lambda: now[0])
    schedule = Schedule("1min", 1)
    now[0] = 159.9
    assert not schedule.due(5, "step")
    now[0] = 160.0
    assert schedule.due(5, "step")
    assert schedule.due(5, "epoch")
    schedule.saved(5)
    assert not schedule.due(6, "step")


@pytest.mark.parametrize("every", [0, -1, True, "weekly"])
def test_other_schedules_are_refused(every):
    with pytest.raises(ValueError, match=r"save_every|a time is"):
        Schedule(every, 1)


def test_an_accumulation_of_nothing_is_refused():
    with pytest.raises(ValueError, match="accumulate must be 1 or more, not 0"):
        Schedule(1, 0)


def test_what_was_due_where_nothing_could_be_saved_is_due_at_the_next_boundary():
    behind_a_break = Schedule(4, 1)
    assert due(behind_a_break, "epoch", [4]) == [4]
    assert due(behind_a_break, "step", [7, 9]) == [9]
    assert due(Schedule(10, 7), "step", range(1, 36)) == [14, 21, 35]
    epochs = Schedule("epoch", 4)
    assert due(epochs, "epoch", [10]) == []
    assert due(epochs, "step", [12, 16]) == [12]


def test_a_resumed_run_saves_where_the_uninterrupted_one_does():
    schedule = Schedule(10, 1)
    schedule.saved(15)
    assert due(schedule, "step", range(16, 41)) == [20, 30, 40]
