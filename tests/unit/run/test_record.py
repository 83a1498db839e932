from __future__ import annotations

import pytest

from samerun.errors import StateError
from samerun.run.cursor import Cursor
from samerun.run.record import Record, refuse_odd_state

RECORD = Record(2, 42, Cursor(step=7), {"python": {"version": "3"}}, 100, {"loss": 0.5, "n": 3})


def test_it_comes_back_from_what_is_stored():
    assert Record.of(RECORD.meta()) == RECORD
    assert Record.of({**RECORD.meta(), "more": 1}) == RECORD
    assert Record(0, 1, Cursor(), {}).meta()["metrics"] == {}


@pytest.mark.parametrize("value", [None, "1", -1, True, 2**63, [], 0.5])
@pytest.mark.parametrize("name", ["epoch", "seed", "metrics_bytes", "environment", "metrics"])
def test_what_no_run_stores_is_refused_by_name(name, value):
    with pytest.raises(StateError) as refused:
        Record.of({**RECORD.meta(), name: value})
    assert [problem.where for problem in refused.value.problems] == [name]


def test_all_that_is_missing_is_named():
    with pytest.raises(StateError) as refused:
        Record.of({"run": Cursor().state_dict()})
    found = [(problem.where, problem.found) for problem in refused.value.problems]
    assert found == [(name, "nothing") for name in ("epoch", "seed", "environment", "metrics_bytes", "metrics")]
    with pytest.raises(StateError, match="run: found None"):
        Record.of({})


@pytest.mark.parametrize("value", ["1", None, 10**400])
def test_metrics_are_numbers(value):
    with pytest.raises(StateError, match="metrics: found"):
        Record.of({**RECORD.meta(), "metrics": {"loss": value}})


@pytest.mark.parametrize(
    "state", [None, [], {}, {"tracked": {}}, {"tracked": {}, "rng": 1}, {"tracked": [], "rng": {}}]
)
def test_what_is_no_state_of_a_run_is_refused(state):
    with pytest.raises(StateError, match="expected dicts under 'tracked' and 'rng'"):
        refuse_odd_state(state)
    refuse_odd_state({"tracked": {}, "rng": {}})
