from __future__ import annotations

from itertools import chain, count, islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from noisy import ByLength, Counted, Lazily, StatefulSampler
from samerun.data.keys import Keys
from samerun.data.plan import OrderPlan, SampledBatches, SampledItems, own_ranks, plan_for
from samerun.data.position import Position
from samerun.data.split import Split

KEYS = Keys(42, "train")
EPOCHS = st.integers(0, 3)
SIZES = st.integers(1, 40)
LOCAL = st.integers(1, 7)
WORLDS = st.integers(1, 4)
UNEVEN = st.sampled_from(["pad", "drop", "short"])

SAMPLERS = {
    "in order": lambda size: SequentialSampler(range(size)),
    "shuffled": lambda size: RandomSampler(range(size)),
    "with replacement": lambda size: RandomSampler(range(size), replacement=True),
    "fewer": lambda size: RandomSampler(range(size), num_samples=max(size // 2, 1)),
    "more": lambda size: RandomSampler(range(size), num_samples=2 * size + 1),
    "own generator": lambda size: RandomSampler(range(size), replacement=True, generator=torch.Generator()),
    "subset": lambda size: SubsetRandomSampler(range(0, size, 2)),
    "weighted": lambda size: WeightedRandomSampler([1.0] * size, size),
    "list": lambda size: list(range(size))[::-1],
    "lazy": lambda size: Lazily(size, size),
    "lazy, counted": lambda size: Counted(size, size),
    "with a state": lambda size: StatefulSampler(size + 1, size),
}
BATCH_SAMPLERS = {
    "of torch": lambda size: BatchSampler(Counted(size, size), 3, drop_last=False),
    "by length": ByLength,
    "list": lambda size: [list(range(first, min(first + 4, size))) for first in range(0, size, 4)],
    "generator": lambda size: Groups(size),
}


class Groups:
    """Batches from a generator function, without a length."""

    def __init__(self, size):
        self.size = size

    def __iter__(self):
        yield from ByLength(self.size)


def plan(sampler, batch_size, world_size=1, rank=0, uneven="pad", drop_last=False):
    return plan_for(sampler, batch_size, KEYS, Split(rank, world_size, uneven), drop_last=drop_last)


def walk(found, epoch=0, start=None):
    return list(found.requests(epoch, start or Position()))


def pairs(steps):
    """The (ordinal, index) of every item."""
    return [pair for request, _ in steps for pair in zip(request.ordinals, request.indices, strict=True)]


def flat(steps):
    return list(chain.from_iterable(steps))


# --- one rank


@given(st.sampled_from(sorted(SAMPLERS)), SIZES, LOCAL, EPOCHS, st.booleans())
def test_an_epoch_is_numbered_through_in_full_batches(kind, size, local, epoch, drop_last):
    steps = walk(plan(SAMPLERS[kind](size), local, drop_last=drop_last), epoch)
    assert [ordinal for ordinal, _ in pairs(steps)] == list(range(len(pairs(steps))))
    assert [request.batch for request, _ in steps] == list(range(len(steps)))
    assert all(request.epoch == epoch for request, _ in steps)
    sizes = [len(request.indices) for request, _ in steps]
    assert all(found == local for found in sizes[:-1])
    assert all(1 <= found <= local for found in sizes)
    assert not drop_last or all(found == local for found in sizes)
    assert [mark.last for _, mark in steps] == [False] * (len(steps) - 1) + [True] * (len(steps) > 0)


@given(st.sampled_from(sorted(SAMPLERS)), SIZES, LOCAL, st.booleans())
def test_the_length_is_the_number_of_batches(kind, size, local, drop_last):
    found = plan(SAMPLERS[kind](size), local, drop_last=drop_last)
    if kind == "lazy":
        with pytest.raises(TypeError):
            len(found)
    else:
        assert len(found) == len(walk(found))


@given(st.sampled_from(sorted(SAMPLERS)), SIZES, EPOCHS)
def test_the_batch_size_does_not_enter_the_order(kind, size, epoch):
    if kind == "with a state":  # each of its turns has a key of its own
        return
    orders = [pairs(walk(plan(SAMPLERS[kind](size), local), epoch)) for local in (1, 3, 50)]
    assert orders[0] == orders[1] == orders[2]


@given(st.sampled_from(sorted(SAMPLERS)), SIZES, LOCAL, EPOCHS, st.booleans(), st.data())
def test_from_every_mark_on_the_rest_is_the_rest(kind, size, local, epoch, drop_last, data):
    steps = walk(plan(SAMPLERS[kind](size), local, drop_last=drop_last), epoch)
    if not steps:
        return
    cut = data.draw(st.integers(0, len(steps) - 1))
    rest = walk(plan(SAMPLERS[kind](size), local, drop_last=drop_last), epoch, steps[cut][1].after)
    assert pairs(rest) == pairs(steps[cut + 1 :])
    assert [mark for _, mark in rest] == [mark for _, mark in steps[cut + 1 :]]
    assert [request.batch for request, _ in rest] == list(range(len(rest)))


@given(st.sampled_from(sorted(BATCH_SAMPLERS)), SIZES, EPOCHS, st.data())
def test_batch_samplers_resume_too(kind, size, epoch, data):
    steps = walk(plan(BATCH_SAMPLERS[kind](size), None), epoch)
    assert [ordinal for ordinal, _ in pairs(steps)] == list(range(size)) or kind != "of torch"
    cut = data.draw(st.integers(0, len(steps) - 1))
    rest = walk(plan(BATCH_SAMPLERS[kind](size), None), epoch, steps[cut][1].after)
    assert pairs(rest) == pairs(steps[cut + 1 :])
    assert [mark.last for _, mark in steps] == [False] * (len(steps) - 1) + [True]


@given(SIZES, LOCAL)
def test_shuffled_and_in_order_have_every_index_once(size, local):
    assert [index for _, index in pairs(walk(plan(SAMPLERS["in order"](size), local)))] == list(range(size))
    shuffled = [index for _, index in pairs(walk(plan(SAMPLERS["shuffled"](size), local)))]
    assert sorted(shuffled) == list(range(size))


@pytest.mark.parametrize("kind", sorted(set(SAMPLERS) - {"in order", "list"}))
def test_epochs_differ_and_come_again(kind):
    orders = [pairs(walk(plan(SAMPLERS[kind](30), 4), epoch)) for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]


def test_indices_are_plain_integers():
    for kind, sampler in SAMPLERS.items():
        assert {type(index) for _, index in pairs(walk(plan(sampler(9), 4)))} == {int}, kind


def test_a_window_s_end_is_none_of_the_order_s_business():
    found = plan(RandomSampler(range(10_000)), 4000)
    order = [index for _, index in pairs(walk(found))]
    assert sorted(order) == list(range(10_000))
    rest = walk(plan(RandomSampler(range(10_000)), 1000), 0, Position(4000, 4000))
    assert [index for _, index in pairs(rest)] == order[4000:]


def test_a_hundred_million_are_entered_in_the_middle_at_once():
    # range() has no items, so only a list of the indices could take memory; the time limit of the tests catches a walk.
    found = plan(RandomSampler(range(10**11)), 32)
    (request, mark), *_ = islice(found.requests(0, Position(10**10 * 9, 10**10 * 9)), 1)
    assert request.ordinals == range(9 * 10**10, 9 * 10**10 + 32)
    assert mark.after.samples == 9 * 10**10 + 32
    assert found.random_access


def test_behind_the_end_there_is_nothing():
    for kind, sampler in SAMPLERS.items():
        start = Position(10, 10) if kind != "more" else Position(21, 21)
        assert walk(plan(sampler(10), 4), 0, start) == [], kind


def test_a_sampler_is_not_asked_for_more_than_the_batch_needs():
    drawn = []

    class Watched(Counted):
        def __iter__(self):
            for index in super().__iter__():
                drawn.append(index)
                yield index

    steps = plan(Watched(100, 100), 4).requests(0, Position())
    next(steps)
    assert len(drawn) == 4


def test_an_infinite_sampler_goes_on():
    class Endless:
        def __iter__(self):
            return count()

    found = plan(Endless(), 4)
    steps = list(islice(found.requests(0, Position()), 5))
    assert [index for _, index in pairs(steps)] == list(range(20))
    assert not any(mark.last for _, mark in steps)
    assert found.length is None


# --- several ranks


def together(sampler, local, world_size, uneven, *, drop_last=False, epoch=0, start=None):
    """The steps of all ranks, and per step what they have together."""
    ranks = [
        walk(plan(sampler(), local, world_size, rank, uneven, drop_last), epoch, start) for rank in range(world_size)
    ]
    steps = max(map(len, ranks))
    return ranks, [sorted(pairs([one[step] for one in ranks if step < len(one)])) for step in range(steps)]


@settings(max_examples=60)
@given(st.sampled_from(sorted(set(SAMPLERS) - {"with a state"})), SIZES, EPOCHS, UNEVEN)
def test_full_global_batches_are_the_same_on_any_number_of_ranks(kind, size, epoch, uneven):
    alone = together(lambda: SAMPLERS[kind](size), 12, 1, uneven, epoch=epoch)[1]
    for world_size in (2, 3, 4):
        found = together(lambda: SAMPLERS[kind](size), 12 // world_size, world_size, uneven, epoch=epoch)[1]
        full = sum(len(step) == 12 for step in alone)
        assert found[:full] == alone[:full]
        ends = [set(flat(found[full:])), set(flat(alone[full:]))]
        if uneven == "short":
            assert ends[0] == ends[1]
        elif uneven == "pad":
            assert ends[0] >= ends[1]
            assert len(ends[0] - ends[1]) < world_size
        else:
            assert ends[0] <= ends[1]
            assert len(ends[1] - ends[0]) < world_size


@settings(max_examples=60)
@given(st.sampled_from(sorted(SAMPLERS)), SIZES, LOCAL, WORLDS, st.sampled_from(["pad", "drop"]), st.booleans())
def test_all_ranks_have_as_many_batches_and_the_same_marks(kind, size, local, world_size, uneven, drop_last):
    ranks, _ = together(lambda: SAMPLERS[kind](size), local, world_size, uneven, drop_last=drop_last)
    assert len({len(one) for one in ranks}) == 1
    for step in zip(*ranks, strict=True):
        assert len({repr(mark) for _, mark in step}) == 1
    if kind != "lazy":
        for rank in range(world_size):
            assert len(plan(SAMPLERS[kind](size), local, world_size, rank, uneven, drop_last)) == len(ranks[rank])


@settings(max_examples=60)
@given(st.sampled_from(sorted(set(SAMPLERS) - {"with a state"})), SIZES, LOCAL, WORLDS, LOCAL, WORLDS, st.data())
def test_with_another_world_and_batch_size_no_sample_is_lost_or_repeated(
    kind, size, local, world, local2, world2, data
):
    ranks, steps = together(lambda: SAMPLERS[kind](size), local, world, "short")
    whole = pairs(walk(plan(SAMPLERS[kind](size), 1)))
    longest = max(ranks, key=len)
    cut = data.draw(st.integers(0, len(longest) - 1))
    rest = (
        together(lambda: SAMPLERS[kind](size), local2, world2, "short", start=longest[cut][1].after)[1]
        if cut + 1 < len(longest)
        else []
    )
    assert sorted(flat(steps[: cut + 1]) + flat(rest)) == sorted(whole)


@given(SIZES, WORLDS, UNEVEN, st.data())
def test_batches_of_a_batch_sampler_are_dealt_out_in_turn(size, world_size, uneven, data):
    alone = [(request.ordinals, request.indices) for request, _ in walk(plan(ByLength(size), None))]
    ranks = [walk(plan(ByLength(size), None, world_size, rank, uneven)) for rank in range(world_size)]
    for rank, steps in enumerate(ranks):
        assert len(steps) == len(plan(ByLength(size), None, world_size, rank, uneven))
        for step, (request, _) in enumerate(steps):
            place = step * world_size + rank
            if place < len(alone):
                assert (request.ordinals, request.indices) == alone[place]
            else:
                assert uneven == "pad"
                assert request.ordinals.start > alone[-1][0][-1]  # a batch again, with ordinals of its own
    given_out = sum(map(len, ranks))
    assert {"pad": given_out >= len(alone), "short": given_out == len(alone), "drop": given_out <= len(alone)}[uneven]


def test_a_distributed_sampler_deals_out_itself():
    for world_size in (2, 3):
        seen = []
        for rank in range(world_size):
            sampler = DistributedSampler(range(24), world_size, rank, shuffle=True, seed=5)
            found = plan(sampler, 4)  # as for a single rank: the sampler knows
            assert (found.batch_size, found.length) == (4 * world_size, 24)
            sampler.set_epoch(2)
            expected = list(sampler)
            steps = walk(found, 2)
            assert [index for _, index in pairs(steps)] == expected
            seen += pairs(steps)
            for cut in range(len(steps) - 1):
                rest = walk(plan(sampler, 4), 2, steps[cut][1].after)
                assert pairs(rest) == pairs(steps[cut + 1 :])
        assert sorted(ordinal for ordinal, _ in seen) == list(range(24))
        assert sorted(index for _, index in seen) == list(range(24))


# --- which plan


def test_only_what_torch_makes_itself_is_replaced():
    class Own(RandomSampler):
        pass

    assert type(plan(SequentialSampler(range(5)), 2)) is OrderPlan
    assert type(plan(RandomSampler(range(5)), 2)) is OrderPlan
    for sampler in (
        Own(range(5)),
        RandomSampler(range(5), replacement=True),
        RandomSampler(range(5), num_samples=4),
        [1, 2],
    ):
        assert type(plan(sampler, 2)) is SampledItems
    assert type(plan([[1], [2]], None)) is SampledBatches


def test_samplers_that_know_ranks_are_recognised():
    sampler = DistributedSampler(range(5), 4, 3)
    assert own_ranks(sampler) == (3, 4)
    assert own_ranks(BatchSampler(sampler, 2, drop_last=False)) == (3, 4)
    assert own_ranks(RandomSampler(range(5))) is None
    assert own_ranks([1]) is None


class BeginsAgain:
    """An iterator that ``iter`` sends back to its beginning, as Lightning's wrapper for predictions is."""

    def __iter__(self):
        self.place = 0
        return self

    def __next__(self):
        if self.place == 6:
            raise StopIteration
        self.place += 1
        return self.place - 1


def test_a_sampler_is_asked_for_its_iterator_once():
    plan = SampledItems(BeginsAgain(), KEYS, Split(0, 1, "pad"), 2, drop_last=False)
    assert [request.indices for request, _ in plan.requests(0, Position())] == [[0, 1], [2, 3], [4, 5]]
