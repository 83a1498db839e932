"""When a run that is killed again and again is seen to begin anew each time."""

from pathlib import Path

import pytest

from samerun.verify import Death, Script, Trial
from samerun.verify.life import Lived, _Living
from samerun.verify.processes import Processes
from samerun.verify.workspace import Workspace

KILLED, TORN = Death(6, "SIGKILL"), Death(6, "SIGKILL", in_save=True)


def process(start, *saves, death=KILLED):
    told = [{"event": "begins", "step": start}, *({"event": "save", "step": step} for step in saves)]
    return Lived(Path("trace"), -9, tuple(told), death, "")


def begins_anew(*lived, saves=True):
    space = Workspace(Path("root"), Path("all"))
    there = Script(("python",)), Trial("killed"), space, Processes(), 1.0, None, lambda _: False, saves, Path("scratch")
    return _Living(*there)._begins_anew(*lived)


@pytest.mark.parametrize(
    ("lived", "anew"),
    [
        ((process(0, 4),), False),  # nothing was there
        ((process(0, 4), process(0)), True),
        ((process(0, 4), process(4)), False),
        ((process(0, 0), process(0)), False),  # what is saved before the first step is no state of the training
        ((process(0), process(0)), False),
        ((process(0), process(0, 4), process(0)), True),
        ((process(0, 4, death=TORN), process(0)), False),  # all that it saved is torn
        ((process(0, 3, 4, death=TORN), process(0)), False),  # it may look at the newest only
        ((process(0, 3, 4, death=TORN), process(0), process(0)), True),
    ],
)
def test_it_does_where_it_had_what_was_saved(lived, anew):
    assert begins_anew(*lived) is anew


def test_where_no_save_is_seen_the_third_one_shows_it():
    assert begins_anew(process(0), process(0), saves=False) is False
    assert begins_anew(process(0), process(0), process(0), saves=False) is True
    assert begins_anew(process(0), process(0), process(3), saves=False) is False
