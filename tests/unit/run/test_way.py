from __future__ import annotations

import pytest

from samerun.errors import RunError, SamerunWarning
from samerun.run.cursor import Cursor
from samerun.run.way import Way


def way(**goal):
    found = Way()
    found.goal = Cursor(**goal)
    return found


def test_what_is_behind_the_place_is_passed_by():
    found = way(section=2, loop=1)
    assert [found.enter_section(None) for _ in range(3)] == [False, False, True]
    assert [found.enter_loop("", None) for _ in range(2)] == [False, True]
    found.goal = None  # it was reached
    assert found.enter_loop("", None)
    assert found.enter_section(None)


def test_beyond_the_place_is_refused():
    found = way(section=0)
    found.enter_section(None)
    with pytest.raises(RunError, match="lies in loop 0 of the script, which was not reached"):
        found.enter_section(None)


def test_an_end_before_the_place_is_said():
    found = way(section=2)
    assert found.missed() == ""  # a script without loops, such as one that looks at the model
    for section in range(2):
        found.enter_section(None)
        assert f"lies in loop 2 of the script, which ended after loop {section}" in found.missed()
    found.enter_section(None)
    assert found.missed() == ""
    assert Way().missed() == ""


def test_an_epoch_without_the_loop_of_the_place_is_refused():
    found = way(loop=1, epoch=3)
    found.enter_loop("", None)
    with pytest.raises(RunError, match="loop 1 over batches of epoch 3, which was not reached"):
        found.refuse_missed_loop()


def test_another_loop_in_the_place_is_refused():
    with pytest.raises(RunError, match="batches: the checkpoint lies in loop 0 of the script, then epochs"):
        way(epochs=2).enter_section(None)
    with pytest.raises(RunError, match="epochs: the checkpoint lies in loop 0 of the script, then batches"):
        way().enter_section(2)
    assert not way(section=1, epochs=2).enter_section(None)  # one that is behind
    for loader, steps in (("b", None), ("a", 5)):
        with pytest.raises(
            RunError, match=r"then a pass over 'a', and here a (pass over 'b'|number of steps over 'a')"
        ):
            way(loop=0, loader="a").enter_loop(loader, steps)


def test_a_loop_that_ends_before_the_place_is_refused_and_a_shorter_one_told():
    for epoch, loop, fewest in ((2, None, 2), (2, 0, 3)):
        place = {"epoch": epoch, "loop": loop, "epochs": 5}
        assert way(**place).enter_section(5)
        assert way(**place).enter_section(6)
        with pytest.warns(SamerunWarning, match=f"asked for {fewest}, and was for 5 when.*count all, not those that"):
            assert way(**place).enter_section(fewest)
        with pytest.raises(RunError, match=f"lies (in epoch 2|behind epoch 1), and only {fewest - 1} are asked for"):
            way(**place).enter_section(fewest - 1)
    with pytest.warns(SamerunWarning, match="batches is asked for 3, and was for 4"):
        assert way(loop=0, taken=3, steps=4).enter_loop("", 3)
    with pytest.raises(RunError, match="lies behind 3 steps of the loop, and only 2 are asked for"):
        way(loop=0, taken=3, steps=4).enter_loop("", 2)
