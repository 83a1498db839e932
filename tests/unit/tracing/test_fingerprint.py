from __future__ import annotations

from collections import UserDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from samerun.state import fingerprint
from samerun.tracing.fingerprint import ROWS, Tensors, digest, row_digests, tensor_digest

DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.complex64),
    *(torch.int64, torch.int8, torch.uint8, torch.bool),
]
Point = namedtuple("Point", "x y")


@dataclass
class Sample:
    image: torch.Tensor
    label: int


def some_bits(dtype: torch.dtype, shape=(3, 4)) -> torch.Tensor:
    if dtype is torch.bool:
        return torch.arange(12).reshape(shape) % 3 == 0
    return torch.randint(0, 100, shape).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_where_and_how_a_tensor_lies_leaves_no_trace(dtype):
    tensor = some_bits(dtype)
    spread = torch.zeros(6, 8, dtype=dtype)[::2, ::2]
    spread.copy_(tensor)
    turned = tensor.t().contiguous().t()
    assert not turned.is_contiguous()
    assert len({tensor_digest(form) for form in (tensor, tensor.clone(), spread, turned)}) == 1
    assert tensor_digest(tensor) != tensor_digest(tensor.t())


ODD = [
    *(
        torch.randn(5, 3),
        torch.tensor(2.5),
        torch.zeros(0, 3),
        torch.ones(3, dtype=torch.bool),
        torch.randn(4, 6)[::2].t(),
    ),
    *(torch.randn(4, dtype=torch.complex64).conj(), torch.randn(4, dtype=torch.complex64).conj().imag),
    *(nn.Parameter(torch.randn(3)), torch.randn(7).to(torch.float8_e4m3fn), torch.arange(5, dtype=torch.int16)),
]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (torch.tensor([0.0]), torch.tensor([-0.0])),
        (torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0])),
        (torch.zeros(2, 3), torch.zeros(3, 2)),
        (torch.zeros(2, 3), torch.zeros(6)),
        (torch.zeros(4, dtype=torch.int32), torch.zeros(4)),
        (torch.zeros(0, 3), torch.zeros(3, 0)),
        (torch.zeros(()), torch.zeros(1)),
        (
            torch.tensor([0x7FC00000], dtype=torch.int32).view(torch.float32),
            torch.tensor([0x7FC00001]).int().view(torch.float32),
        ),
    ],
    ids=["sign of zero", "order", "shape", "flat", "dtype", "empty", "scalar", "payload of NaN"],
)
def test_what_differs_has_another_digest(first, second):
    assert tensor_digest(first) != tensor_digest(second)
    assert tensor_digest(first) == tensor_digest(first.clone())


@given(arrays.arrays(np.float32, arrays.array_shapes(max_dims=3, max_side=5), elements=st.floats(width=32)), st.data())
def test_one_bit_is_enough(array, data):
    tensor = torch.from_numpy(array)
    changed = array.copy().reshape(-1)
    place, bit = data.draw(st.integers(0, array.size - 1)), data.draw(st.integers(0, 31))
    changed.view(np.uint32)[place] ^= np.uint32(1 << bit)
    other = torch.from_numpy(changed.reshape(array.shape))
    assert tensor_digest(tensor) != tensor_digest(other)
    assert (tensor_digest(tensor) == tensor_digest(other)) == (fingerprint(tensor) == fingerprint(other))


def test_lazy_conjugation_and_negation_are_carried_out():
    values = torch.tensor([1 + 2j, 3 - 4j])
    assert values.conj().is_conj()
    assert tensor_digest(values.conj()) == tensor_digest(values.conj().resolve_conj()) != tensor_digest(values)
    imaginary = values.conj().imag
    assert imaginary.is_neg()
    assert tensor_digest(imaginary) == tensor_digest(imaginary.resolve_neg().contiguous())


@pytest.mark.filterwarnings("ignore:Sparse", "ignore:torch.quantize_per_tensor")
def test_other_layouts_and_classes():
    class Tagged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *_):
            raise AssertionError("the user's code was called")

    plain = torch.eye(3)
    forms = [plain, plain.to_sparse(), plain.to_sparse_csr(), plain.as_subclass(Tagged), plain.to("meta")]
    forms.append(torch.quantize_per_tensor(plain, 0.1, 0, torch.qint8))
    assert len({tensor_digest(form) for form in forms}) == len(forms)
    other = torch.eye(3) * 2
    assert tensor_digest(plain.as_subclass(Tagged)) != tensor_digest(other.as_subclass(Tagged))
    assert tensor_digest(plain.to_sparse()) != tensor_digest(other.to_sparse())


def test_it_leaves_autograd_and_modes_alone():
    class Watching(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    seen, tensor = [], torch.randn(3, 4, requires_grad=True)
    with Watching():
        tensor_digest(tensor)
        Tensors().digests([tensor])
        row_digests([tensor, [1, 2, 3]])
        assert seen == []
        turned = tensor.t()
        seen.clear()
        tensor_digest(turned)
        assert seen == []
    assert turned.grad_fn is not None


def test_tensors_that_come_again_are_looked_up_anew_when_they_changed():
    known, tensor = Tensors(), torch.nn.Parameter(torch.randn(4, 4))
    changes = [
        lambda: tensor.data.add_(1),
        lambda: setattr(tensor, "data", torch.randn(4, 4)),
        lambda: setattr(tensor, "data", tensor.data.t()),
        lambda: setattr(tensor, "data", tensor.data.reshape(2, 8)),
        lambda: setattr(tensor, "data", tensor.data.double()),
        lambda: setattr(tensor, "data", torch.randn(1000).half()),
        lambda: setattr(tensor, "data", tensor.data.view(torch.bfloat16)),
        lambda: setattr(tensor, "data", torch.randn(0)),
    ]
    seen = []
    for change in changes:
        seen += known.digests([tensor, None])
        assert seen[-2:] == [tensor_digest(tensor), bytes(16)]
        change()
    assert known.digests([tensor])[0] == tensor_digest(tensor)
    assert len(set(seen)) == len(changes) + 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1, 2], (1, 2)),
        ([1, [2]], [[1], 2]),
        ([True], [1]),
        ([1], [1.0]),
        (["1"], [1]),
        ([b"a"], ["a"]),
        ([None], []),
        ([0.0], [-0.0]),
        ({"x": 1, "y": 2}, {"x": 2, "y": 1}),
        (Point(1, 2), (1, 2)),
        (Sample(torch.zeros(2), 1), Sample(torch.zeros(2), 2)),
        (UserDict(a=1), UserDict(a=2)),
        (np.float32(1), np.float64(1)),
        (np.array([1]), torch.tensor([1])),
        ({1, 2}, {1, 3}),
        (10**5000, 10**5000 + 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nested_values_that_differ(first, second):
    assert digest(first) != digest(second)


def test_the_order_of_keys_and_of_sets_is_none():
    assert digest({"x": 1, "y": [2]}) == digest({"y": [2], "x": 1})
    assert digest(set("abcdefgh")) == digest(set("hgfedcba"))


def test_no_code_of_an_object_is_run_and_cycles_end():
    class Hostile:
        __slots__ = ("inner", "missing")

        def __getattribute__(self, name):
            raise AssertionError(name)

    hostile, loop = Hostile(), []
    Hostile.inner.__set__(hostile, torch.ones(2))
    loop.append(loop)
    assert digest(hostile) == digest(hostile)
    assert digest(loop) == digest(loop)
    other = Hostile()
    Hostile.inner.__set__(other, torch.zeros(2))
    assert digest(hostile) != digest(other)


def rows(batch) -> list[int]:
    found = row_digests(batch)
    assert found is not None
    return np.frombuffer(found, np.uint64).tolist()


@given(st.permutations(range(6)))
def test_rows_are_found_in_another_order(order):
    x, y, names = torch.randn(6, 2, 3), torch.arange(6), list("abcdef")
    index = torch.tensor(order)
    batch = {"x": x, "y": [y, names]}
    moved = {"x": x[index], "y": [y[index], [names[place] for place in order]]}
    before = rows(batch)
    assert rows(moved) == [before[place] for place in order]
    assert len(set(before)) == 6
    assert rows({"x": x[:3], "y": [y[:3], names[:3]]}) == before[:3]


@pytest.mark.parametrize(
    "batch",
    [
        [torch.zeros(3), torch.zeros(4)],
        torch.zeros(0, 3),
        torch.zeros(ROWS + 1),
        torch.tensor(1.0),
        {"n": 5},
        [],
    ],
    ids=["disagree", "none", "many", "scalar", "number", "empty"],
)
def test_what_has_no_rows(batch):
    assert row_digests(batch) is None


def test_rows_of_arrays_and_of_no_width():
    assert rows([np.arange(6).reshape(3, 2), torch.zeros(3, 0)]) != rows([np.zeros((3, 2)), torch.zeros(3, 0)])
    assert len(rows(torch.zeros(ROWS, 1))) == ROWS
