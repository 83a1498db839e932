from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from draws import bare_states, draw
from samerun.rng import shared
from samerun.rng.numpy import RandomStateSource
from samerun.rng.python import PythonSource
from samerun.rng.shared import SharedNumpy, SharedPython

PYTHON, NUMPY = SharedPython("python"), SharedNumpy("numpy")
PLAIN = {"python": PythonSource("python"), "numpy": RandomStateSource("numpy")}
BY_NAME = {"python": PYTHON, "numpy": NUMPY}
NAMES = pytest.mark.parametrize("name", BY_NAME)
# Beside any position in the 624 words: right at their end, where the next draw makes new ones.
PLACES = st.builds(
    lambda seed, words, gaussians: (seed, words, gaussians),
    st.integers(0, 2**32 - 1),
    st.integers(0, 1300),
    st.integers(0, 3),
)


def put(place):
    seed, words, gaussians = place
    random.seed(seed)
    np.random.seed(seed)
    random.getrandbits(32 * words) if words else None
    np.random.bytes(4 * words)
    for _ in range(gaussians):
        random.gauss(0, 1)
        np.random.standard_normal()


def now():
    return bare_states()[:2]


def bits(packed):
    return packed.kind, {name: value.numpy().tobytes() for name, value in packed.fields.items()}


def test_the_layouts_of_this_python_and_this_numpy_are_known():
    assert shared._PYTHON_IS_KNOWN
    assert shared._CACHED_OFFSET > 0


@NAMES
@given(place=PLACES)
def test_reading_changes_nothing_and_gives_what_the_library_gives(name, place):
    put(place)
    before = now()
    state = BY_NAME[name].read()
    assert now() == before
    assert bits(BY_NAME[name].pack(state)) == bits(PLAIN[name].pack(PLAIN[name].read()))


@NAMES
@given(place=PLACES, other=PLACES)
def test_writing_brings_back_words_and_gaussian_whatever_was_cached_meanwhile(name, place, other):
    put(place)
    state, before = BY_NAME[name].read(), PLAIN[name].read()
    follows = draw()[:4]
    put(place)
    put(other)
    BY_NAME[name].write(state)
    assert bits(PLAIN[name].pack(PLAIN[name].read())) == bits(PLAIN[name].pack(before))
    part = slice(0, 2) if name == "python" else slice(2, 4)
    assert draw()[part] == follows[part]


@NAMES
@given(place=PLACES, other=PLACES)
def test_both_read_what_the_other_wrote(name, place, other):
    put(place)
    ours, theirs = BY_NAME[name].read(), PLAIN[name].read()
    before = bits(PLAIN[name].pack(theirs))
    put(other)
    PLAIN[name].write(ours.native())
    assert bits(PLAIN[name].pack(PLAIN[name].read())) == before
    put(other)
    BY_NAME[name].write(theirs)
    assert bits(PLAIN[name].pack(PLAIN[name].read())) == before


@NAMES
@given(place=PLACES, other=PLACES)
def test_states_are_the_same_exactly_if_the_library_s_are(name, place, other):
    put(place)
    first, before = BY_NAME[name].read(), bits(PLAIN[name].pack(PLAIN[name].read()))
    put(other)
    second, after = BY_NAME[name].read(), bits(PLAIN[name].pack(PLAIN[name].read()))
    assert BY_NAME[name].same(first, second) == (before == after)
    assert BY_NAME[name].same(first, first)


@NAMES
def test_a_cached_gaussian_alone_is_a_difference(name):
    put((1, 0, 1))
    first = BY_NAME[name].read()
    random.gauss(0, 1)
    np.random.standard_normal()
    assert first.memory == BY_NAME[name].read().memory
    assert not BY_NAME[name].same(first, BY_NAME[name].read())


@NAMES
def test_a_state_read_is_not_moved_by_later_draws(name):
    put((1, 0, 1))
    state = BY_NAME[name].read()
    before = bits(BY_NAME[name].pack(state))
    draw()
    put((2, 700, 0))
    assert bits(BY_NAME[name].pack(state)) == before


@NAMES
def test_where_the_layout_is_not_known_the_library_s_functions_are_used(monkeypatch, name):
    put((1, 9, 1))
    state = BY_NAME[name].read()
    monkeypatch.setattr(shared, "_PYTHON_IS_KNOWN", False)
    monkeypatch.setattr(shared, "_CACHED_OFFSET", 0)
    source = type(BY_NAME[name])(name)
    assert not hasattr(source.read(), "memory")
    slow = source.read()
    for given_state in (state, slow):
        put((2, 5, 0))
        source.write(given_state)
        assert bits(PLAIN[name].pack(PLAIN[name].read())) == bits(source.pack(state))


@given(st.integers(0, 2**32 - 1))
def test_the_seeder_seeds_as_numpy_does(seed):
    np.random.seed(seed)
    expected = now()[1]
    put((1, 100, 1))
    NUMPY.seeder()(seed)
    assert now()[1] == expected


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
    native = NUMPY.read()
    assert state() == before
    follows = draw()[2:4]
    assert state() != before
    NUMPY.write(native)
    assert state() == before
    assert draw()[2:4] == follows
    assert NUMPY.same(native, native)
    assert not NUMPY.same(native, NUMPY.read())


def test_a_twister_s_state_comes_back_from_under_another_algorithm(other_algorithm):
    put((3, 7, 1))
    native, before = NUMPY.read(), now()[1]
    other_algorithm(np.random.PCG64)
    NUMPY.write(native)
    assert now()[1] == before


def test_the_seeder_of_another_algorithm_makes_draws_a_function_of_the_seed(other_algorithm):
    other_algorithm(np.random.PCG64)
    seed = NUMPY.seeder()
    seed(9)
    first = np.random.random_sample()
    seed(10)
    assert np.random.random_sample() != first
    seed(9)
    assert np.random.random_sample() == first
