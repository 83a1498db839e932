from __future__ import annotations

import math
import struct

import numpy as np
import pytest
import torch
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from samerun.errors import StateError
from samerun.state import fingerprint, first_difference, tensor_bytes, walk

leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary())
states = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
    ),
    max_leaves=8,
)

NAN_WITH_PAYLOAD = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000001))[0]

# Pairs that compare equal, or nearly, and are not the same bits, type, shape or structure.
DIFFERENT = [
    (0.0, -0.0),
    (1, True),
    (1, 1.0),
    ("1", 1),
    ("a", b"a"),
    (None, "None"),
    ([], ()),
    ([], {}),
    ([1], (1,)),
    ({"1": 0}, {1: 0}),
    ({"a": {}}, {"a": []}),
    ([[1], 2], [[1, 2]]),
    (math.nan, NAN_WITH_PAYLOAD),
    (torch.tensor(1.0), 1.0),
    (torch.tensor(1.0), torch.tensor(1.0, dtype=torch.float64)),
    (torch.tensor([1]), np.array([1])),
    (torch.zeros(2, 3), torch.zeros(3, 2)),
    (torch.zeros(0), torch.zeros(0, 1)),
    (torch.tensor(0.0), torch.tensor(-0.0)),
    (torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0])),
    (torch.tensor([1, 0], dtype=torch.uint8), torch.tensor([True, False])),
    (np.zeros(2, "<i4"), np.zeros(2, ">i4")),
    (np.zeros((2, 3)), np.zeros((3, 2))),
    ("\ud800", "\ud801"),
    ({"\ud800": 1}, {"\ud801": 1}),
    (torch.tensor(math.nan), torch.tensor([0x7FC00001], dtype=torch.int32).view(torch.float32)[0]),
]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_different_bits_are_told_apart(first, second):
    assert fingerprint(first) != fingerprint(second)
    assert first_difference({"x": [first]}, {"x": [second]}).path.startswith("['x'][0]")
    assert first_difference(first, first) is None


@given(states)
def test_equal_states_are_equal(state):
    assert first_difference(state, state) is None
    assert fingerprint(state) == fingerprint(state)


@given(states, states)
def test_fingerprint_and_difference_agree(first, second):
    assert (fingerprint(first) == fingerprint(second)) == (first_difference(first, second) is None)


def test_the_order_of_keys_does_not_enter():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})


def test_fingerprint_is_xxh3_128_of_the_documented_bytes():
    assert fingerprint(7) == xxhash.xxh3_128(b"4:=int:1:7").hexdigest()


@pytest.mark.parametrize(
    ("tensor", "plain"),
    [
        (torch.arange(12).reshape(3, 4).t(), torch.tensor([[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]])),
        (torch.arange(10)[3:5], torch.tensor([3, 4])),
        (torch.tensor([1 + 2j]).conj(), torch.tensor([1 - 2j])),
        (torch.tensor([1 + 2j]).conj().imag, torch.tensor([-2.0])),
        (torch.ones(1).expand(3), torch.ones(3)),
        (torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
    ],
)
def test_how_a_tensor_lies_in_memory_does_not_enter(tensor, plain):
    assert fingerprint(tensor) == fingerprint(plain)
    assert first_difference(tensor, plain) is None


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.complex64, torch.bool, torch.uint32, torch.int8]
)
def test_bytes_of_every_dtype(dtype):
    tensor = torch.tensor([[0, 1], [1, 0]]).to(dtype)
    assert tensor_bytes(tensor).nbytes == tensor.numel() * tensor.element_size()
    assert fingerprint(tensor) != fingerprint(tensor.flip(0))


@pytest.mark.parametrize("tensor", [torch.eye(2).to_sparse(), torch.empty(2, device="meta")])
def test_tensors_without_dense_bits_are_refused(tensor):
    with pytest.raises(StateError, match=r"^\['w'\].*expected a dense tensor"):
        fingerprint({"w": tensor})
    with pytest.raises(StateError, match="dense"):
        tensor_bytes(tensor)


def test_walk_gives_leaves_with_their_key_paths_in_order():
    state = {"model": {"w": [1, (2.0, None)]}, 3: "x", "empty": []}
    assert list(walk(state)) == [
        ("['model']['w'][0]", 1),
        ("['model']['w'][1][0]", 2.0),
        ("['model']['w'][1][1]", None),
        ("[3]", "x"),
    ]


@pytest.mark.parametrize(
    ("state", "where", "what"),
    [
        ({"a": [1, object()]}, "['a'][1]", "object"),
        ({"a": {1, 2}}, "['a']", "set"),
        ({"f": print}, "['f']", "builtin_function_or_method"),
        ({"a": {1.5: 0}}, "['a']", "key 1.5"),
        ({"a": {True: 0}}, "['a']", "key True"),
        ({"a": np.array([None])}, "['a']", "Python objects"),
        ({"a": np.zeros(1, [("x", object)])}, "['a']", "Python objects"),
        ({"a": np.ma.masked_array([1.0], [True])}, "['a']", "MaskedArray"),
        ({"a": np.float32(1)}, "['a']", "float32"),
    ],
)
def test_what_a_state_cannot_hold_is_named(state, where, what):
    with pytest.raises(StateError) as caught:
        fingerprint(state)
    (problem,) = caught.value.problems
    assert problem.where == where
    assert what in problem.found


def test_a_cycle_is_an_error_and_a_shared_part_is_not():
    shared = [1]
    assert [path for path, _ in walk({"a": shared, "b": shared})] == ["['a'][0]", "['b'][0]"]
    shared.append(shared)
    mapping = {}
    mapping["self"] = mapping
    for state in (shared, mapping):
        with pytest.raises(StateError, match="holds itself"):
            list(walk(state))


def test_a_difference_says_where_how_much_and_what():
    first = torch.zeros(2, 3)
    second = first.clone()
    second[1, 0] = 5.0
    second[1, 2] = 7.0
    difference = first_difference({"layer": {"w": first}}, {"layer": {"w": second}})
    assert str(difference) == (
        "['layer']['w']: torch.float32[2, 3], 2 of 6 elements differ, element 3 is 0.0 against 5.0"
    )


def test_missing_and_additional_keys_are_differences():
    assert str(first_difference({"a": 1}, {})) == "['a']: int 1 against nothing"
    assert str(first_difference({}, {"a": torch.zeros(2)})) == "['a']: nothing against torch.float32[2]"
    assert str(first_difference([1], (1,))) == "root: list against tuple"


def test_integers_of_any_size():
    huge = 10**5000  # which Python does not write in decimal
    assert fingerprint(huge) == fingerprint(10**5000) != fingerprint(huge + 1)
    assert fingerprint(huge) != fingerprint(-huge)
    assert first_difference({"n": huge}, {"n": huge}) is None
    assert first_difference({"n": huge}, {"n": 1}).second == "int 1"
    assert first_difference({"n": huge}, {"n": 1}).first == f"int {hex(huge)}"
