from __future__ import annotations

import pytest

from samerun.errors import RunError
from samerun.run.cursor import Cursor
from samerun.run.way import Way


def way(**goal):
    found = Way()
    found.goal = Cursor(**goal)
    return found


def test_what_is_behind_the_place_is_passed_by():
    found = way(section=2, loop=1)
    assert [found.enter_section() for _ in range(3)] == [False, False, True]
    assert [found.enter_loop() for _ in range(2)] == [False, True]
    found.goal = None  # it was reached
    assert found.enter_loop()
    assert found.enter_section()


def test_beyond_the_place_is_refused():
    found = way(section=0)
    found.enter_section()
    with pytest.raises(RunError, match="lies in loop 0 of the script, which was not reached"):
        found.enter_section()


def test_an_end_before_the_place_is_said():
    found = way(section=2)
    assert found.missed() == ""  # a script without loops, such as one that looks at the model
    for section in range(2):
        found.enter_section()
        assert f"lies in loop 2 of the script, which ended after loop {section}" in found.missed()
    found.enter_section()
    assert found.missed() == ""
    assert Way().missed() == ""


def test_an_epoch_without_the_loop_of_the_place_is_refused():
    found = way(loop=1, epoch=3)
    found.enter_loop()
    with pytest.raises(RunError, match="loop 1 over batches of epoch 3, which was not reached"):
        found.refuse_missed_loop()
