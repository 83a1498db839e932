from __future__ import annotations

import pytest

from samerun.errors import RunError, SamerunWarning
from samerun.run.surroundings import compare, here


def test_the_same_environment_is_silent():
    compare(here(), "raise")


def test_what_changes_no_bit_is_silent():
    compare({**here(), "git": {"commit": "another"}}, "raise")


def test_rows_name_both_values():
    recorded = {**here(), "python": "2.7"}
    with pytest.raises(RunError, match=r"python: '2.7' -> "):
        compare(recorded, "raise")
    with pytest.warns(SamerunWarning, match=r"python: '2.7' -> "):
        compare(recorded, "warn")
    compare(recorded, "ignore")


def test_many_rows_are_cut():
    recorded = {**here(), **{f"more{number}": 1 for number in range(30)}}
    with pytest.raises(RunError, match="and 10 more"):
        compare(recorded, "raise")


def test_another_choice_is_refused():
    with pytest.raises(ValueError, match="must be 'warn', 'raise' or 'ignore', not 'shout'"):
        compare(here(), "shout")
