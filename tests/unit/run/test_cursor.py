from __future__ import annotations

import pytest

from samerun.errors import StateError
from samerun.run.cursor import Cursor


def test_a_place_comes_back():
    place = Cursor(
        step=7,
        section=1,
        epoch=2,
        loop=0,
        taken=3,
        pass_epoch=None,
        over=True,
        last=True,
        epochs=3,
        loader="a",
        steps=None,
    )
    assert Cursor.of(place.state_dict()) == place


@pytest.mark.parametrize(
    "name", ["step", "section", "epoch", "loop", "taken", "pass_epoch", "over", "last", "epochs", "steps"]
)
@pytest.mark.parametrize("value", [-1, 1.0, "1", [1], 2**63])
def test_what_is_no_place_is_refused(name, value):
    with pytest.raises(StateError, match=f"run/{name}"):
        Cursor.of({**Cursor().state_dict(), name: value})


@pytest.mark.parametrize("value", [None, 1, True, ["a"]])
def test_a_loader_that_is_no_name_is_refused(value):
    with pytest.raises(StateError, match=r"run/loader: .*a string"):
        Cursor.of({**Cursor().state_dict(), "loader": value})


@pytest.mark.parametrize("state", [None, {}, {"step": 1}, {**Cursor().state_dict(), "more": 1}])
def test_what_has_other_keys_is_refused(state):
    with pytest.raises(StateError, match="a place with step, section"):
        Cursor.of(state)
