from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samerun.data.position import Position, Shard, Shards
from samerun.data.state import VERSION, Identity, pack, unpack
from samerun.errors import StateError

MAP = Identity(VERSION, 42, "train", "RandomSampler", 100, None, 8, drop_last=False)
ITERABLE = Identity(VERSION, 42, "train", "Stream", None, None, 8, drop_last=False, workers=2, rank=0, world_size=1)

NUMBERS = st.integers(0, 2**62)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=3), child, max_size=3),
    max_leaves=5,
)
POSITIONS = st.builds(Position, NUMBERS, NUMBERS, JSON, st.lists(NUMBERS, max_size=4).map(tuple))
SHARDS = st.builds(
    Shards, st.integers(0, 9), st.lists(st.builds(Shard, st.integers(0, 9), NUMBERS, st.booleans(), JSON)).map(tuple)
)


@given(NUMBERS, POSITIONS)
def test_a_position_survives_packing_and_json(epoch, position):
    assert unpack(MAP, json.loads(json.dumps(pack(MAP, epoch, position))), ()) == (epoch, position)


@given(NUMBERS, SHARDS)
def test_shards_survive_packing_and_json(epoch, shards):
    assert unpack(ITERABLE, json.loads(json.dumps(pack(ITERABLE, epoch, shards))), ()) == (epoch, shards)


def test_the_keys_are_always_the_same():
    states = [pack(MAP, 0, Position()), pack(MAP, 3, Position(8, 8, {"a": 1}, (16,)))]
    states += [pack(ITERABLE, 0, Shards()), pack(ITERABLE, 1, Shards(1, (Shard(0, 4, True, {"a": 1}),)))]
    assert len({tuple(state) for state in states}) == 1


def test_packing_and_unpacking_leave_the_state_as_it_is():
    state = pack(MAP, 3, Position(8, 8, {"a": [1]}, (16,)))
    before = json.dumps(state)
    unpack(MAP, state, ())
    assert json.dumps(state) == before


OTHERS = {
    "version": 2,
    "seed": 43,
    "name": "val",
    "sampler": "SequentialSampler",
    "length": 101,
    "entries": 50,
    "batch_size": 9,
    "drop_last": True,
    "workers": 3,
    "rank": 1,
    "world_size": 2,
}


@pytest.mark.parametrize("field", list(OTHERS))
def test_each_difference_is_refused_with_both_values_and_can_be_waived(field):
    state = pack(ITERABLE, 0, Shards())
    other = replace(ITERABLE, **{field: OTHERS[field]})
    with pytest.raises(StateError) as caught:
        unpack(other, state, ())
    (problem,) = caught.value.problems
    assert (problem.where, problem.found) == (field, repr(asdict(ITERABLE)[field]))
    assert problem.expected == repr(OTHERS[field])
    assert f"waive=[{field!r}]" in problem.advice
    assert unpack(other, state, [field]) == (0, Shards())


def test_waiving_one_difference_does_not_waive_another():
    state = pack(MAP, 0, Position())
    with pytest.raises(StateError) as caught:
        unpack(replace(MAP, seed=43, name="val"), state, {"seed"})
    assert [problem.where for problem in caught.value.problems] == ["name"]


def test_all_differences_are_named_at_once():
    with pytest.raises(StateError) as caught:
        unpack(replace(MAP, seed=43, name="val", length=None), pack(MAP, 0, Position()), ())
    assert [problem.where for problem in caught.value.problems] == ["seed", "name", "length"]


def test_equal_numbers_of_another_type_are_other_values():
    with pytest.raises(StateError, match="drop_last: found 0, expected False"):
        unpack(MAP, {**pack(MAP, 0, Position()), "drop_last": 0}, ())


def test_waiving_something_unknown_is_an_error():
    with pytest.raises(ValueError, match=r"\['colour'\] are not compared; version, seed"):
        unpack(MAP, pack(MAP, 0, Position()), ["colour"])


@pytest.mark.parametrize("waive", [[], list(asdict(MAP))])
@pytest.mark.parametrize("state", [None, 3, [1], "state"])
def test_what_is_no_state_is_refused(state, waive):
    with pytest.raises(StateError, match="expected a dict that state_dict"):
        unpack(MAP, state, waive)


def test_what_is_no_state_of_a_loader_is_said_in_one_line():
    with pytest.raises(StateError, match="state: found no version in it") as caught:
        unpack(MAP, {"model": 1}, ())
    assert len(caught.value.problems) == 1


def test_a_place_behind_the_end_is_refused_unless_lengths_may_differ():
    state = {**pack(MAP, 0, Position()), "taken": 101}
    with pytest.raises(StateError, match="taken: found 101, expected at most the 100 there are"):
        unpack(MAP, state, (), 100)
    assert unpack(MAP, state, (), 101) == unpack(MAP, state, ()) == (0, Position(0, 101))
    assert unpack(MAP, state, "length", 100) == unpack(MAP, state, ["entries"], 100) == (0, Position(0, 101))


def test_a_state_with_a_version_alone_names_everything_that_is_missing():
    with pytest.raises(StateError) as caught:
        unpack(MAP, {"version": VERSION}, list(asdict(MAP)))
    assert {problem.where for problem in caught.value.problems} == {
        *("epoch", "samples", "taken", "next_worker"),
        *("received", "shards"),
    }


@pytest.mark.parametrize("key", ["epoch", "samples", "taken", "next_worker"])
@pytest.mark.parametrize("value", [-1, 1.0, "1", None, True])
def test_numbers_must_be_integers_from_0(key, value):
    with pytest.raises(StateError) as caught:
        unpack(MAP, {**pack(MAP, 0, Position()), key: value}, ())
    assert [(problem.where, problem.found) for problem in caught.value.problems] == [(key, repr(value))]


@pytest.mark.parametrize("key", ["received", "shards"])
def test_lists_must_be_lists(key):
    with pytest.raises(StateError, match=f"{key}: found 'x', expected a list"):
        unpack(MAP, {**pack(MAP, 0, Position()), key: "x"}, ())


@pytest.mark.parametrize("text", [None, [], {"a": 1}, "", "{"])
def test_states_inside_a_state_must_be_texts(text):
    with pytest.raises(StateError, match=r"sampler_state: found .*, expected the text of a JSON value"):
        unpack(MAP, {**pack(MAP, 0, Position()), "sampler_state": text}, ())
    with pytest.raises(StateError, match=r"shards: found .*, expected the text of a JSON value"):
        unpack(ITERABLE, {**pack(ITERABLE, 0, Shards()), "shards": [[0, 1, False, text]]}, ())


def test_a_state_has_no_dict_inside_which_a_distributed_checkpoint_would_take_apart():
    position, shards = Position(8, 8, {"a": {"b": [1]}}), Shards(1, (Shard(0, 4, True, {"a": {}}),))
    for state in (pack(MAP, 0, position), pack(ITERABLE, 0, shards)):
        values = [state["sampler_state"], *state["received"], *(value for shard in state["shards"] for value in shard)]
        assert not any(isinstance(value, dict | list) for value in values)


def test_keys_of_nothing_are_refused():
    with pytest.raises(StateError, match="the key 'num_yielded'"):
        unpack(MAP, {**pack(MAP, 0, Position()), "num_yielded": 1}, ())


@pytest.mark.parametrize(
    "shard", [None, [], [0, 1, False], [0, 1, 2, "null"], ["0", 1, False, "null"], [0, 1, False, "null", 1]]
)
def test_shards_must_be_what_they_were(shard):
    with pytest.raises(StateError, match="shards: found"):
        unpack(ITERABLE, {**pack(ITERABLE, 0, Shards()), "shards": [shard]}, ())


def test_received_batches_of_another_size_cannot_be_told_apart():
    state = pack(MAP, 0, Position(8, 8, None, (24,)))
    other = replace(MAP, batch_size=4)
    with pytest.raises(StateError, match=r"received: found \(24,\), expected none"):
        unpack(other, state, ["batch_size"])
    assert unpack(other, pack(MAP, 0, Position(8, 8)), ["batch_size"]) == (0, Position(8, 8))


@pytest.mark.parametrize("received", [["8"], [-8], [8.0], [True], [[8]]])
def test_received_batches_must_be_integers_from_0(received):
    with pytest.raises(StateError, match=r"received: found .* expected integers from 0"):
        unpack(MAP, {**pack(MAP, 0, Position()), "received": received}, ())


def test_a_missing_batch_size_may_be_waived_but_not_with_batches_received():
    state = pack(MAP, 0, Position(8, 8, None, (24,)))
    del state["batch_size"]
    with pytest.raises(StateError, match="received"):
        unpack(MAP, state, ["batch_size"])


def test_states_that_are_not_json_are_refused_where_they_come_from():
    with pytest.raises(StateError, match=r"sampler_state: found a value that is not JSON .*Object of type set"):
        pack(MAP, 0, Position(8, 8, {"seen": {1, 2}}))
    with pytest.raises(StateError, match="shards: found a value that is not JSON"):
        pack(ITERABLE, 0, Shards(0, (Shard(0, 1, False, object()),)))
