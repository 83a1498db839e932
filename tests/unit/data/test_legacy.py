from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from draws import bare_states, draw
from samerun.data.legacy import LegacySource
from samerun.rng.numpy import RandomStateSource

SOURCE = LegacySource("numpy")
# Beside any position in the 624 words: right at their end, where the next draw makes new ones.
PLACES = st.builds(
    lambda seed, words, gaussians: (seed, words, gaussians),
    st.integers(0, 2**32 - 1),
    st.integers(0, 1300),
    st.integers(0, 3),
)


def put(place):
    seed, words, gaussians = place
    np.random.seed(seed)
    np.random.bytes(4 * words)
    for _ in range(gaussians):
        np.random.standard_normal()


def now():
    return bare_states()[1]


@given(PLACES)
def test_reading_changes_nothing_and_gives_what_numpy_gives(place):
    put(place)
    before = now()
    state = SOURCE.read()
    assert now() == before
    kind, key, position, has_gauss, gauss = state.by_numpy()
    assert (kind, key.tobytes(), position, has_gauss, gauss) == before


@given(PLACES, PLACES)
def test_writing_brings_back_words_and_gaussian_whatever_was_cached_meanwhile(place, other):
    put(place)
    state, before = SOURCE.read(), now()
    follows = draw()[2:4]
    put(other)
    SOURCE.write(state)
    assert now() == before
    assert draw()[2:4] == follows


@given(PLACES, PLACES)
def test_both_read_what_the_other_wrote(place, other):
    plain = RandomStateSource("numpy")
    put(place)
    ours, theirs, before = SOURCE.read(), plain.read(), now()
    put(other)
    plain.write(ours.by_numpy())
    assert now() == before
    put(other)
    SOURCE.write(theirs)
    assert now() == before


@given(PLACES, PLACES)
def test_states_are_the_same_exactly_if_numpy_s_are(place, other):
    put(place)
    first, before = SOURCE.read(), now()
    put(other)
    second, after = SOURCE.read(), now()
    assert SOURCE.same(first, second) == (before == after)
    assert SOURCE.same(first, first)


def test_a_cached_gaussian_alone_is_a_difference():
    np.random.seed(1)
    np.random.standard_normal()
    first = SOURCE.read()
    np.random.standard_normal()
    assert first.memory == SOURCE.read().memory
    assert not SOURCE.same(first, SOURCE.read())


@given(PLACES)
def test_what_it_packs_is_what_numpy_s_source_packs(place):
    put(place)
    ours = SOURCE.pack(SOURCE.read())
    theirs = RandomStateSource.pack(RandomStateSource("numpy").read())
    assert ours.kind == theirs.kind
    assert {name: value.numpy().tobytes() for name, value in ours.fields.items()} == {
        name: value.numpy().tobytes() for name, value in theirs.fields.items()
    }


def test_a_state_read_is_not_moved_by_later_draws():
    np.random.seed(1)
    state = SOURCE.read()
    before = state.memory[:]
    draw()
    assert state.memory == before


@given(st.integers(0, 2**32 - 1))
def test_the_seeder_seeds_as_numpy_does(seed):
    np.random.seed(seed)
    expected = now()
    put((1, 100, 1))
    SOURCE.seeder()(seed)
    assert now() == expected


@pytest.fixture
def other_algorithm():
    twister = np.random.get_bit_generator()
    before = np.random.get_state()
    yield lambda kind: np.random.set_bit_generator(kind(5))
    np.random.set_bit_generator(twister)
    np.random.set_state(before)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM])
@pytest.mark.parametrize("gaussians", [0, 1])
def test_another_algorithm_under_the_global_generator_is_read_and_written_too(other_algorithm, kind, gaussians):
    def state():
        return repr(np.random.get_state(legacy=False))

    other_algorithm(kind)
    for _ in range(gaussians):
        np.random.standard_normal()
    before = state()
    native = SOURCE.read()
    assert state() == before
    follows = draw()[2:4]
    assert state() != before
    SOURCE.write(native)
    assert state() == before
    assert draw()[2:4] == follows
    assert SOURCE.same(native, native)
    assert not SOURCE.same(native, SOURCE.read())


def test_a_twister_s_state_comes_back_from_under_another_algorithm(other_algorithm):
    put((3, 7, 1))
    native, before = SOURCE.read(), now()
    other_algorithm(np.random.PCG64)
    SOURCE.write(native)
    assert now() == before


def test_the_seeder_of_another_algorithm_makes_draws_a_function_of_the_seed(other_algorithm):
    other_algorithm(np.random.PCG64)
    seed = SOURCE.seeder()
    seed(9)
    first = np.random.random_sample()
    seed(10)
    assert np.random.random_sample() != first
    seed(9)
    assert np.random.random_sample() == first
