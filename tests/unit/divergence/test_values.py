from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from samerun.divergence.values import ValueDifference, compare_values

FLOATS = (np.float16, np.float32, np.float64)
DTYPES = (*FLOATS, np.int8, np.int64, np.uint8, np.uint64, np.bool_, np.complex64, np.complex128)


def arrays_of(*dtypes: type) -> st.SearchStrategy[np.ndarray]:
    shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    return st.sampled_from(dtypes).flatmap(lambda dtype: arrays.arrays(dtype, shapes))


def differ(first: object, second: object) -> ValueDifference:
    found = compare_values(first, second)
    assert found is not None
    return found


@given(arrays_of(*DTYPES))
def test_equal_bits_are_no_difference(array: np.ndarray) -> None:
    assert compare_values(array, array.copy()) is None


@given(arrays_of(*DTYPES), st.data())
def test_the_count_is_that_of_a_plain_loop(first: np.ndarray, data: st.DataObject) -> None:
    second = data.draw(arrays.arrays(first.dtype, first.shape))
    expected = [
        place
        for place in np.ndindex(first.shape)
        if np.asarray(first[place]).tobytes() != np.asarray(second[place]).tobytes()
    ]
    found = compare_values(first, second)
    assert (found.differing if found else 0) == len(expected)
    if found:
        assert found.elements == first.size
        assert found.place == expected[0]


@given(arrays_of(*DTYPES), st.data())
def test_swapping_the_sides_changes_only_their_order(first: np.ndarray, data: st.DataObject) -> None:
    second = data.draw(arrays.arrays(first.dtype, first.shape))
    one, two = compare_values(first, second), compare_values(second, first)
    if one is None or two is None:
        assert one is two
        return
    assert (one.differing, one.largest, one.ulps, one.permutation) == (
        two.differing,
        two.largest,
        two.ulps,
        two.permutation,
    )
    assert one.nans == two.nans[::-1]


@given(st.sampled_from(FLOATS), st.floats(allow_nan=False, width=16), st.integers(0, 40))
def test_ulps_are_the_steps_to_the_next_number(dtype: type, start: float, steps: int) -> None:
    first = np.array([start], dtype)
    second = first.copy()
    for _ in range(steps):
        second = np.nextafter(second, dtype(math.inf))
    found = compare_values(first, second)
    reached = 0 if found is None else found.ulps
    walked, count = first.copy(), 0
    while (walked != second).any():  # fewer than `steps` where infinity was met
        walked, count = np.nextafter(walked, dtype(math.inf)), count + 1
    assert reached == count


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_ulps_from_the_smallest_to_the_largest_number(dtype: torch.dtype) -> None:
    first, second = torch.tensor([-math.inf], dtype=dtype), torch.tensor([math.inf], dtype=dtype)
    # The bits of infinity are the number of steps from zero.
    from_zero = {torch.float16: 0x7C00, torch.bfloat16: 0x7F80, torch.float32: 0x7F800000, torch.float64: 0x7FF << 52}
    assert differ(first, second).ulps == 2 * from_zero[dtype]
    assert differ(first, second).largest is None


def test_both_zeros_differ_by_no_ulp() -> None:
    found = differ(np.array([0.0]), np.array([-0.0]))
    assert (found.differing, found.largest, found.ulps) == (1, 0.0, 0)


@given(arrays.arrays(np.float32, st.integers(2, 30)), st.randoms())
def test_shuffled_rows_are_a_permutation(values: np.ndarray, random: object) -> None:
    first = np.stack([values, values + 1], axis=1)
    order = list(range(len(first)))
    random.shuffle(order)
    found = compare_values(first, first[order])
    assert found is None or found.permutation == "rows"


def test_elements_that_changed_rows_are_a_permutation_of_elements_only() -> None:
    assert differ(np.array([[1, 2], [3, 4]]), np.array([[1, 3], [2, 4]])).permutation == "elements"
    assert differ(np.array([[1, 2], [3, 4]]), np.array([[1, 3], [3, 4]])).permutation is None
    assert differ(np.array([1 + 2j, 3]), np.array([3, 1 + 2j])).permutation == "rows"


def test_a_nan_counts_on_its_side_and_not_in_the_distance() -> None:
    found = differ(np.array([math.nan, 1.0, 5.0]), np.array([2.0, math.nan, 5.5]))
    assert (found.nans, found.largest, found.differing) == ((1, 1), 0.5, 3)


def test_the_payload_of_a_nan_differs() -> None:
    first = np.array([0x7FF8000000000000], "u8").view("f8")
    second = np.array([0x7FF8000000000001], "u8").view("f8")
    found = differ(first, second)
    assert (found.differing, found.largest, found.ulps, found.nans) == (1, None, None, (1, 1))


def test_integers_of_64_bits_do_not_overflow() -> None:
    assert differ(np.array([-(2**63)]), np.array([2**63 - 1])).largest == 2**64 - 1


@pytest.mark.parametrize("second", [torch.zeros(3, 2), torch.zeros(2, 3, dtype=torch.float64)])
def test_other_layouts_are_not_compared_by_value(second: torch.Tensor) -> None:
    found = differ(torch.zeros(2, 3), second)
    assert found.layouts is not None
    assert found.differing == 6
    assert "[2, 3] against" in str(found)


def test_the_text_says_how_many_by_how_much_and_where() -> None:
    first = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    second = torch.tensor([[1.0, 2.0], [3.0, float(np.nextafter(np.float32(4), np.float32(5)))]])
    assert str(differ(first, second)) == (
        "1 of 4 elements differ; the largest difference is 4.77e-07 (1 ulp); first at [1, 1]: "
        "4.0 against 4.000000476837158"
    )
