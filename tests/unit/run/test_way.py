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
    assert [found.enter_section(epochs=False) for _ in range(3)] == [False, False, True]
    assert [found.enter_loop("", whole=False) for _ in range(2)] == [False, True]
    found.goal = None  # it was reached
    assert found.enter_loop("", whole=False)
    assert found.enter_section(epochs=False)


def test_beyond_the_place_is_refused():
    found = way(section=0)
    found.enter_section(epochs=False)
    with pytest.raises(RunError, match="lies in loop 0 of the script, which was not reached"):
        found.enter_section(epochs=False)


def test_an_end_before_the_place_is_said():
    found = way(section=2)
    assert found.missed() == ""  # a script without loops, such as one that looks at the model
    for section in range(2):
        found.enter_section(epochs=False)
        assert f"lies in loop 2 of the script, which ended after loop {section}" in found.missed()
    found.enter_section(epochs=False)
    assert found.missed() == ""
    assert Way().missed() == ""


def test_an_epoch_without_the_loop_of_the_place_is_refused():
    found = way(loop=1, epoch=3)
    found.enter_loop("", whole=False)
    with pytest.raises(RunError, match="loop 1 over batches of epoch 3, which was not reached"):
        found.refuse_missed_loop()


def test_another_loop_in_the_place_is_refused():
    with pytest.raises(RunError, match="batches: the checkpoint lies in loop 0 of the script, then epochs"):
        way(epochs=True).enter_section(epochs=False)
    with pytest.raises(RunError, match="epochs: the checkpoint lies in loop 0 of the script, then batches"):
        way().enter_section(epochs=True)
    assert not way(section=1, epochs=True).enter_section(epochs=False)  # one that is behind
    for loader, whole in (("b", True), ("a", False)):
        with pytest.raises(
            RunError, match=r"then a pass over 'a', and here a (pass over 'b'|number of steps over 'a')"
        ):
            way(loop=0, loader="a", whole=True).enter_loop(loader, whole=whole)


def test_fewer_epochs_are_refused():
    for epoch, loop, fewest in ((2, None, 2), (2, 0, 3)):
        found = way(epoch=epoch, loop=loop)
        found.refuse_fewer(fewest)
        with pytest.raises(RunError, match=f"lies (in epoch 2|behind epoch 1), and only {fewest - 1} are asked for"):
            found.refuse_fewer(fewest - 1)
