from __future__ import annotations

import enum
import math
import tempfile
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from samerun.checkpoint import Store, pack, unpack
from samerun.checkpoint.blocks import DTYPES
from samerun.checkpoint.format import MAX_DEPTH
from samerun.errors import StateError
from samerun.state import fingerprint, first_difference
from states import NAN_WITH_PAYLOAD, Unsynced, states


def through_disk(state):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder, files=Unsynced())
        store.save(0, state)
        return store.load(0).state


@given(states)
@settings(max_examples=200, deadline=None)
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_every_state_comes_back_bit_by_bit(state):
    found = through_disk(state)
    assert first_difference(state, found) is None
    assert fingerprint(state) == fingerprint(found)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_every_dtype_with_every_byte(name):
    tensor = torch.arange(256, dtype=torch.uint8).repeat(2)
    tensor = (tensor % 2 if name == "bool" else tensor).view(DTYPES[name])
    for value in (tensor, tensor[::2], tensor[:1].reshape(()), tensor[:0]):
        found = through_disk({"x": value})["x"]
        assert (found.dtype, found.shape, found.is_contiguous()) == (value.dtype, value.shape, True)
        assert first_difference(value, found) is None


@pytest.mark.parametrize(
    "value",
    [
        0,
        -(2**63),
        2**63,
        -(10**4000),
        True,
        None,
        0.1,
        -0.0,
        5e-324,
        math.inf,
        -math.inf,
        NAN_WITH_PAYLOAD,
        "",
        "\ud800",
        "\ud800\udc00",  # two halves, which UTF-16 would join
        "\x00\n\u2028",
        b"",
        (),
        [],
        {},
        {"$tensor": 1},
        {1: 2, "1": 3},
        {-1: ()},
        {"\ud800": 1},
        torch.tensor([1 + 2j]).conj(),
        torch.tensor([1 + 2j]).conj().imag,
        torch.ones(1).expand(3),
        torch.nn.Parameter(torch.ones(2)),
        np.array(3, ">f8"),
        np.zeros((0, 2), "<M8[ns]"),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(6)[::-1],
        np.frombuffer(b"read-only", "u1"),
        np.array(["é", ""]),
    ],
)
def test_what_json_does_not_have(value):
    for state in (value, {"x": [value]}):
        assert first_difference(state, through_disk(state)) is None


def test_keys_come_back_in_their_order_and_with_their_types():
    state = {"b": 0, "a": {2: 0, 1: 0}, 3: 0}
    found = through_disk(state)
    assert [*found, *found["a"]] == ["b", "a", 3, 2, 1]
    assert [type(key) for key in found] == [str, str, int]


def test_tied_weights_are_stored_once_and_still_share():
    weight = torch.zeros(10, 100)
    packed = pack({"embed": weight, "head": weight, "also": weight.view(10, 100)})
    assert [block.nbytes for block in packed.blocks.values()] == [4000]
    found = through_disk({"embed": weight, "head": weight})
    found["embed"][3, 4] = 7
    assert found["head"][3, 4] == 7


def test_views_that_overlap_still_share_and_keep_their_strides():
    base = torch.arange(24.0)
    state = {
        "rows": base[:12].view(3, 4),
        "columns": base[:12].view(3, 4).t(),
        "bits": base[4:6].view(torch.int32),
        "half": base.view(torch.bfloat16)[9:11],
        "apart": base[12:],
    }
    found = through_disk(state)
    assert first_difference(state, found) is None
    assert found["columns"].stride() == (1, 4)
    for side in (state, found):
        side["rows"][1, 0] = -1.0
    assert first_difference(state, found) is None
    assert found["columns"][0, 1] == -1
    assert list(pack(state).blocks) == ["['rows']", "['apart']"]


def test_lazy_conjugates_and_negatives_are_not_the_memory_they_share():
    number = torch.tensor([1 + 2j, 3 + 4j])
    state = {"z": number, "conj": number.conj(), "imag": number.imag, "neg": number.conj().imag}
    assert first_difference(state, through_disk(state)) is None


def test_storages_that_begin_at_one_address_are_no_trap():
    array = np.arange(10.0)
    state = {"short": torch.from_numpy(array[:4]), "long": torch.from_numpy(array)}
    assert first_difference(state, through_disk(state)) is None


def test_neighbours_in_one_storage_are_blocks_of_their_own():
    flat = torch.arange(10.0)
    blocks = pack({"a": flat[:4], "b": flat[4:]}).blocks
    assert {name: block.tolist() for name, block in blocks.items()} == {
        "['a']": [0, 1, 2, 3],
        "['b']": [4, 5, 6, 7, 8, 9],
    }


def test_only_the_part_that_is_used_is_stored():
    state = {"a": torch.zeros(1000)[500:510], "b": torch.zeros(4, 5)[:, 1]}
    assert [block.nbytes for block in pack(state).blocks.values()] == [40, 16]


def test_a_modules_versions_come_back():
    before = torch.nn.BatchNorm1d(3).state_dict()
    found = through_disk({"net": before})["net"]
    assert found._metadata == before._metadata == {"": {"version": 2}}
    assert list(found) == list(before)


def test_subclasses_come_back_as_what_they_extend():
    point = namedtuple("point", "x y")
    state = [defaultdict(int, a=1), OrderedDict(a=1), point(1, 2), torch.Size([3]), np.float64(0.1)]
    assert list(map(type, through_disk(state))) == [dict, dict, tuple, tuple, float]


def test_packing_copies_and_changes_nothing():
    weight = torch.ones(3, requires_grad=True)
    block = pack({"w": weight}).blocks["['w']"]
    assert block.data_ptr() == weight.data_ptr()
    assert weight.requires_grad


class Metric:
    pass


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "found", "advice"),
    [
        (lambda epoch: 0.9**epoch, "builtins.function", "leave code out"),
        (print, "builtin_function_or_method", "leave code out"),
        (Metric, "builtins.type", "leave code out"),
        (Metric(), "test_format.Metric", "leave it out if it is made anew"),
        ({1, 2}, "builtins.set", "as a list"),
        (Colour.RED, "Colour", "save its value"),
        (np.float32(1), "numpy.float32", ".item()"),
        (1j, "builtins.complex", "convert it"),
        (bytearray(b"x"), "builtins.bytearray", "convert it"),
        (torch.Generator(), "Generator", "get_state()"),
        (torch.eye(2).to_sparse(), "sparse", "convert it"),
        (torch.empty(2, device="meta"), "meta", "convert it"),
        (np.array([None]), "object", "convert it"),
        (np.zeros(1, "i4,f4"), "dtype", "each field"),
        (np.zeros(1, "V0"), "V0", "convert it"),
        (np.ma.masked_array([1.0], [True]), "MaskedArray", "numpy.asarray"),
        ({True: 1}, "the key True", ""),
        ({1.5: 1}, "the key 1.5", ""),
    ],
)
def test_what_cannot_be_stored_is_named(value, found, advice):
    with pytest.raises(StateError) as caught:
        pack({"scheduler": [0, value]})
    (problem,) = caught.value.problems
    assert problem.where == "['scheduler'][1]"
    assert found in problem.found
    assert advice in problem.advice


def test_wrapped_tensors_are_refused():
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
    with pytest.raises(StateError, match=r"\['w'\].*NestedTensor"):
        pack({"w": nested})


def test_depth_has_a_limit_and_a_cycle_is_an_error():
    deep: list[object] = []
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert first_difference(deep, through_disk(deep)) is None
    with pytest.raises(StateError, match="100 containers"):
        pack([[deep]])
    deep.append(deep)
    with pytest.raises(StateError, match="holds itself"):
        pack(deep)


def test_blocks_that_nothing_refers_to_are_an_error():
    with pytest.raises(StateError, match="nothing refers to"):
        unpack({}, {"x": torch.zeros(1)})
