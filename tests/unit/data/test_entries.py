from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, RandomSampler, WeightedRandomSampler

from draws import bare_states, draw
from noisy import Counted, StatefulSampler
from samerun.data.entries import Entries
from samerun.data.keys import Keys
from samerun.data.position import Position

KEYS = Keys(42, "train")
TURNS = st.lists(st.integers(1, 9), min_size=1, max_size=8)


class Private:
    """Draws from generators of its own, one of which goes on from epoch to epoch."""

    def __init__(self):
        self.rng, self.torch = np.random.default_rng(), torch.Generator()

    def __iter__(self):
        for _ in range(30):
            yield int(self.rng.integers(100)) + int(torch.randint(100, (), generator=self.torch))


class StatefulIterator:
    """Gives an iterator that has the state."""

    def __iter__(self):
        return _Iterator()


class _Iterator:
    place = 0

    def __next__(self):
        self.place += 1
        if self.place > 30:
            raise StopIteration
        return self.place * 1000 + random.randrange(1000)

    def __iter__(self):
        return self

    def state_dict(self):
        return {"place": self.place}

    def load_state_dict(self, state):
        self.place = state["place"]


SAMPLERS = {
    "lazy": lambda: Counted(20, 30),
    "own generators": Private,
    "with replacement": lambda: RandomSampler(range(20), replacement=True, num_samples=30, generator=torch.Generator()),
    "weighted": lambda: WeightedRandomSampler([1.0] * 20, 30),
    "batches": lambda: BatchSampler(Counted(20, 60), 2, drop_last=False),
    "list": lambda: list(range(30)),
}
STATEFUL = {"a state": lambda: StatefulSampler(20, 30), "the iterator has a state": StatefulIterator}
EVERY = SAMPLERS | STATEFUL


def opened(kind, epoch=0, start=None, skip=0):
    return Entries(EVERY[kind](), KEYS, epoch, start or Position(), skip)


@given(st.sampled_from(sorted(SAMPLERS)), TURNS)
def test_it_does_not_matter_in_how_many_turns_they_are_taken(kind, turns):
    entries = opened(kind)
    apart = [entry for count in turns for entry in entries.take(count)]
    assert apart == opened(kind).take(sum(turns))


@given(st.sampled_from(sorted(EVERY)), TURNS)
def test_nor_what_is_drawn_in_between(kind, turns):
    quiet, disturbed = opened(kind), opened(kind)
    for count in turns:
        before = bare_states()
        found = disturbed.take(count)
        assert bare_states() == before
        draw()
        assert found == quiet.take(count)


@given(st.sampled_from(sorted(SAMPLERS)), st.integers(0, 35))
def test_those_before_the_place_are_skipped(kind, skip):
    whole = opened(kind).take(100)
    assert opened(kind, 0, Position(skip, skip), skip).take(100) == whole[skip:]


@given(st.sampled_from(sorted(STATEFUL)), TURNS, TURNS)
def test_one_with_a_state_goes_on_by_it_and_nothing_is_skipped(kind, before, after):
    entries = opened(kind)
    for count in before:
        entries.take(count)
    state, taken = json.loads(json.dumps(entries.state())), min(sum(before), 30)
    expected = [entries.take(count) for count in after]
    resumed = opened(kind, 0, Position(taken, taken, state), taken)
    assert [resumed.take(count) for count in after] == expected


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_at_the_end_there_are_fewer_and_then_none(kind):
    entries = opened(kind)
    assert len(entries.take(20)) == 20
    assert len(entries.take(20)) == 10
    assert entries.take(20) == []


@pytest.mark.parametrize("kind", sorted(set(EVERY) - {"list"}))
def test_epochs_differ_and_come_again(kind):
    orders = [opened(kind, epoch).take(30) for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]


def test_one_sampler_may_be_opened_again_and_again():
    sampler = Private()
    first = Entries(sampler, KEYS, 0, Position(), 0).take(30)
    assert Entries(sampler, KEYS, 1, Position(), 0).take(30) != first
    assert Entries(sampler, KEYS, 0, Position(), 0).take(30) == first


def test_the_state_is_a_copy():
    entries = opened("a state")
    entries.take(3)
    state = entries.state()
    before = dict(state)
    entries.take(3)
    assert state == before
    assert opened("list").state() is None


def test_the_epoch_is_told_to_a_sampler_and_to_the_one_inside():
    class Told(Counted):
        epoch = None

        def set_epoch(self, epoch):
            self.epoch = epoch

    sampler, inner = Told(5, 5), Told(5, 5)
    Entries(sampler, KEYS, 3, Position(), 0)
    Entries(BatchSampler(inner, 2, drop_last=False), KEYS, 4, Position(), 0)
    assert (sampler.epoch, inner.epoch) == (3, 4)


def test_generators_come_back_when_the_sampler_fails():
    class Failing:
        def __iter__(self):
            yield random.random()
            raise ValueError("broken")

    before = bare_states()
    entries = Entries(Failing(), KEYS, 0, Position(), 0)
    with pytest.raises(ValueError, match="broken"):
        entries.take(2)
    assert bare_states() == before


def test_private_generators_of_the_sampler_come_back():
    sampler = Private()
    before = repr(sampler.rng.bit_generator.state), sampler.torch.get_state().tolist()
    Entries(sampler, KEYS, 0, Position(), 0).take(10)
    assert (repr(sampler.rng.bit_generator.state), sampler.torch.get_state().tolist()) == before
