from __future__ import annotations

import math
import tracemalloc
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from samerun.data.order import Permutation
from samerun.derive import derive

KEYS = st.integers(0, 2**64 - 1)
# 4,096 is the largest size that is sorted.
SIZES = st.integers(0, 64) | st.integers(4060, 4200) | st.integers(0, 20_000)


def whole(size, key):
    return Permutation(size, key)(np.arange(size))


# --- it is a permutation


@given(SIZES, KEYS)
def test_every_index_occurs_once(size, key):
    indices = whole(size, key)
    assert indices.dtype == np.uint64
    assert np.array_equal(np.sort(indices), np.arange(size, dtype=np.uint64))


@pytest.mark.parametrize("size", [1, 2, 3, 4095, 4096, 4097, 4160, 4161, 65_535, 65_536, 65_537, 1_000_003])
def test_every_index_occurs_once_at_sizes_where_the_rectangle_changes(size):
    assert np.array_equal(np.sort(whole(size, key=7)), np.arange(size, dtype=np.uint64))


@given(SIZES.filter(bool), KEYS, st.data())
def test_random_access_equals_walking(size, key, data):
    places = data.draw(st.lists(st.integers(0, size - 1), max_size=20))
    walked = whole(size, key)
    permutation = Permutation(size, key)
    assert permutation(np.array(places, dtype=np.int64)).tolist() == walked[places].tolist()
    for place in places[:3]:
        assert permutation(np.array([place])).tolist() == [walked[place]]


@given(SIZES.filter(bool), KEYS, st.integers(0, 2**40))
def test_ordinals_behind_the_end_begin_again_at_the_front(size, key, ordinal):
    permutation = Permutation(size, key)
    assert permutation(np.array([ordinal])) == permutation(np.array([ordinal % size]))


def test_the_ordinals_are_left_as_they_are():
    for size in (100, 5000):
        ordinals = np.arange(size, dtype=np.uint64)
        Permutation(size, 1)(ordinals)
        assert np.array_equal(ordinals, np.arange(size, dtype=np.uint64))


def test_nothing_is_shuffled_into_nothing():
    assert Permutation(0, 1)(np.arange(0)).tolist() == []


@pytest.mark.parametrize("size", [-1, 2**62 + 1])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(ValueError, match=f"not {size}$"):
        Permutation(size, 1)


@pytest.mark.parametrize("size", [2**62, 2**62 - 1, 2**31, 2**53 + 1])
def test_the_largest_sizes_lose_no_bit(size):
    permutation = Permutation(size, 42)
    places = np.concatenate([np.arange(1000), size - 1 - np.arange(1000)])
    indices = permutation(places)
    assert np.all(indices < np.uint64(size))
    assert len(set(indices.tolist())) == len(places)
    # Both halves of the numbers move, not only the lower or the upper ones.
    assert indices.max() > np.uint64(size // 10 * 9)
    assert indices.min() < np.uint64(size // 10)


def test_a_billion_take_constant_memory():
    permutation = Permutation(10**9, 42)
    tracemalloc.start()
    try:
        for begin in (0, 10**9 // 2, 10**9 - 4096):
            permutation(np.arange(begin, begin + 4096))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20


# --- which permutation


def test_small_sizes_sort_the_published_outputs_of_split_mix_64():
    # Rosetta Code, "Pseudo-random numbers/Splitmix64", first five of seed 1234567.
    outputs = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert whole(5, 1234567).tolist() == sorted(range(5), key=outputs.__getitem__)


def by_definition(place, size, key):
    """One element, in Python's integers."""
    rows = math.isqrt(size - 1) + 1
    columns = -(-size // rows)
    mask = 2**64 - 1

    def shift(other, number, side):
        mixed = (other ^ derive(key, "round", number)) * 0xBF58476D1CE4E5B9 & mask
        mixed ^= mixed >> 32
        mixed = mixed * 0x94D049BB133111EB & mask
        return (mixed >> 32) * side >> 32

    while True:
        row, column = place % rows, place // rows
        for number in range(8):
            if number % 2 == 0:
                row = (row + shift(column, number, rows)) % rows
            else:
                column = (column + shift(row, number, columns)) % columns
        place = column * rows + row
        if place < size:
            return place


@given(st.integers(4097, 2**62), KEYS, st.data())
def test_large_sizes_are_the_network_of_the_docstring(size, key, data):
    place = data.draw(st.integers(0, size - 1))
    assert Permutation(size, key)(np.array([place])).tolist() == [by_definition(place, size, key)]


@pytest.mark.parametrize(
    ("size", "key", "expected"),
    # Made by this very code when it was written: they hold every later version to it.
    [
        (10, 42, [4, 1, 6, 2, 8, 3, 9, 0, 7, 5]),
        (4096, 42, [2718, 171, 3405, 1747, 3065]),
        (4097, 42, [1372, 3892, 3850, 2443, 1158]),
        (10**9, 42, [53920572, 407182502, 864313011, 881842662, 127447110]),
        (2**62, 2**64 - 1, [2534244235690261985, 3224569178163261513, 4500726086446012253, 2760342089241950891]),
    ],
)
def test_golden_values(size, key, expected):
    assert Permutation(size, key)(np.arange(len(expected))).tolist() == expected


@given(SIZES.filter(lambda size: size > 30), KEYS, KEYS)
def test_another_key_is_another_permutation(size, one, other):
    if one != other:
        assert whole(size, one).tolist() != whole(size, other).tolist()


# --- how well it shuffles: fixed keys, so no test is ever red by chance; p-values below one in a million are a fault


def chi_square(counts):
    return stats.chisquare(counts).pvalue


@pytest.mark.parametrize("size", [2, 3, 4])
def test_all_orders_of_a_few_occur_equally_often(size):
    counts = Counter(tuple(whole(size, derive("few", size, key)).tolist()) for key in range(24_000))
    assert set(counts) == set(permutations(range(size)))
    assert chi_square(list(counts.values())) > 1e-6


@pytest.mark.parametrize("size", [7, 100, 4096, 4097, 5000, 4160 * 2, 30_011])
def test_each_place_gets_each_index_equally_often(size):
    keys, bins = 4000, min(size, 20)
    places = np.unique(np.linspace(0, size - 1, 8).astype(np.int64))
    drawn = np.stack([Permutation(size, derive("positions", size, key))(places) for key in range(keys)])
    shares = np.bincount(np.arange(size) * bins // size, minlength=bins) / size
    for column in drawn.T:
        counts = np.bincount(column.astype(np.int64) * bins // size, minlength=bins)
        assert stats.chisquare(counts, shares * keys).pvalue > 1e-6


@pytest.mark.parametrize("size", [4097, 5000, 100_003])
def test_where_an_index_lies_is_uniform_over_keys(size):
    inverse = [np.argsort(whole(size, derive("inverse", size, key)))[[0, size // 2, size - 1]] for key in range(300)]
    for column in np.stack(inverse).T:
        assert stats.kstest(column / size, "uniform").pvalue > 1e-6


@pytest.mark.parametrize("size", [100, 4096, 4097, 5000, 65_536, 100_003])
def test_neighbours_in_the_order_are_not_neighbours_in_the_data(size):
    gaps = []
    for key in range(max(4, 40_000 // size)):
        indices = whole(size, derive("gaps", size, key)).astype(np.int64)
        gaps.append(np.diff(indices) % size)
    # The gap between two different elements, going round, is each of 1 .. size - 1 equally often.
    bins = min(size - 1, 50)
    found = (np.concatenate(gaps) - 1) * bins // (size - 1)
    shares = np.bincount(np.arange(size - 1) * bins // (size - 1), minlength=bins) / (size - 1)
    assert stats.chisquare(np.bincount(found, minlength=bins), shares * len(found)).pvalue > 1e-6


@pytest.mark.parametrize("size", [100, 4097, 100_003])
def test_consecutive_keys_give_unrelated_orders(size):
    first, second = whole(size, 1000), whole(size, 1001)
    assert abs(stats.spearmanr(first, second).statistic) < 5 / math.sqrt(size)
    # Two random permutations agree in about one place.
    assert np.count_nonzero(first == second) < 10


@pytest.mark.parametrize("size", [4097, 5000, 20_000])
def test_few_places_stay_and_cycles_are_as_long_as_chance_has_them(size):
    # Over random permutations the number of fixed points is Poisson with mean 1, that of cycles about ln(size) + 0.577.
    fixed, cycles = [], []
    for key in range(60):
        indices = whole(size, derive("cycles", size, key)).astype(np.int64)
        fixed.append(np.count_nonzero(indices == np.arange(size)))
        cycles.append(number_of_cycles(indices))
    assert stats.poisson.sf(sum(fixed) - 1, 60) > 1e-6
    assert stats.poisson.cdf(sum(fixed), 60) > 1e-6
    expected = math.log(size) + 0.577
    assert abs(np.mean(cycles) - expected) < 5 * math.sqrt(expected / 60)


def number_of_cycles(indices):
    left, count = set(range(len(indices))), 0
    while left:
        count += 1
        place = left.pop()
        while (place := int(indices[place])) in left:
            left.remove(place)
    return count


def test_an_identity_would_fail_the_test_of_gaps():
    # The negative control: what is not shuffled has one gap only.
    counts = np.bincount(np.diff(np.arange(5000)) * 50 // 5000, minlength=50)
    assert chi_square(counts) < 1e-6
