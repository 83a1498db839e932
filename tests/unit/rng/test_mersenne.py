from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samerun.rng.mersenne import WORDS, Twister, draws_between


def twister(generator):
    state = generator.state["state"]
    return Twister(state["key"], state["pos"])


@given(st.integers(0, 2**32 - 1), st.integers(0, 2000), st.integers(0, 5000))
def test_distance_is_what_was_drawn(seed, start, draws):
    generator = np.random.MT19937()
    generator._legacy_seeding(seed)
    generator.random_raw(start, output=False)
    before = twister(generator)
    generator.random_raw(draws, output=False)
    assert draws_between(before, twister(generator), 5000) == draws
    assert draws_between(twister(generator), before, 5000) == -draws


def test_a_used_up_block_and_the_next_one_unused_are_the_same_state():
    generator = np.random.MT19937()
    generator._legacy_seeding(1)
    generator.random_raw(WORDS, output=False)
    used_up = twister(generator)
    assert used_up.position == WORDS
    generator.random_raw(1, output=False)
    unused = Twister(twister(generator).words, 0)
    assert draws_between(used_up, unused, 10) == 0


def test_the_official_first_output():
    # Source: mt19937ar.out of Matsumoto and Nishimura, init_by_array {0x123, 0x234, 0x345, 0x456}.
    state = np.random.RandomState([0x123, 0x234, 0x345, 0x456])
    start = Twister(state.get_state()[1], state.get_state()[2])
    assert start.generator().random_raw(3).tolist() == [1067595299, 955945823, 477289528]


@pytest.mark.parametrize(
    ("words", "position", "message"),
    [
        (np.ones(3, np.uint32), 0, "uint32[3]"),
        (np.ones(WORDS, np.uint32), 625, "625"),
        (np.ones(WORDS, np.uint32), -1, "-1"),
        (np.zeros(WORDS, np.uint32), 0, "zero"),
    ],
)
def test_impossible_states_are_described(words, position, message):
    assert message in Twister(words, position).problem()
    assert Twister(np.ones(WORDS, np.uint32), 624).problem() is None


def test_states_that_share_their_next_draws_only_are_not_taken_for_one():
    generator = np.random.MT19937(1)
    start = twister(generator)
    words = start.words.copy()
    words[:100] ^= 1  # used up already, but the next block is made of them
    other = Twister(words, start.position)
    assert start.generator().random_raw() == other.generator().random_raw()
    assert draws_between(start, other, 2000) is None
