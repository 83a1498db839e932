from __future__ import annotations

import pickle
import random

import pytest
import torch
from torch.utils.data import default_collate

from noisy import StatefulIterator, StatefulStream, Stream, bits, mix_up
from samerun.data.generators import Generators
from samerun.data.iterable import IterableCollate, IterableMaker
from samerun.data.keys import Keys
from samerun.data.position import Shard, Shards
from samerun.derive import derive

KEYS = Keys(42, "train")


def maker_of(dataset, start=None, first_shard=0, collate_fn=default_collate, epoch=0):
    maker = IterableMaker(
        dataset=dataset,
        collate_fn=collate_fn,
        keys=KEYS,
        generators=Generators(None, dataset=dataset, collate_fn=collate_fn),
        rngs=None,
        first_shard=first_shard,
        start=start or Shards(),
        workers=1,
    )
    maker.epoch.fill_(epoch)
    return maker


def walk(maker):
    return [bits(item) for item in iter(maker)]


class Bare(Stream):
    """Items that are a draw."""

    def __iter__(self):
        for _ in range(5):
            yield random.random()


def test_the_nth_item_is_made_under_the_key_of_epoch_shard_and_n():
    expected = [random.Random(derive(42, "data", "train", "shard", 2, 3, n)).random() for n in range(5)]
    assert list(maker_of(Bare(), first_shard=3, epoch=2)) == expected


def test_each_shard_and_each_epoch_has_draws_of_its_own():
    found = [walk(maker_of(Bare(), first_shard=shard, epoch=epoch)) for shard in (0, 1) for epoch in (0, 1)]
    assert len({value for values in found for value in values}) == 20


@pytest.mark.parametrize("kind", [Stream, StatefulStream, StatefulIterator])
def test_a_shard_goes_on_from_what_was_said_of_it(kind):
    maker = maker_of(kind(10))
    collate = IterableCollate(maker)
    shard = iter(maker)
    whole = walk(maker_of(kind(10)))
    for n in range(10):
        item = next(shard)
        assert bits(item) == whole[n]
        said, _ = collate([item])
        assert (said.worker, said.items, said.done) == (0, n + 1, False)
        assert (said.state is None) == (kind is Stream)
        rest = maker_of(kind(10), Shards(0, (said,)))
        assert walk(rest) == whole[n + 1 :]
        assert int(rest.replayed) == (n + 1 if kind is Stream else 0)


def test_the_start_is_for_the_first_opening_only():
    maker = maker_of(Stream(6), Shards(0, (Shard(0, 4),)))
    assert len(walk(maker)) == 2
    assert walk(maker) == walk(maker_of(Stream(6)))


def test_a_shard_that_is_done_is_not_opened():
    class Never(Stream):
        def __iter__(self):
            raise AssertionError

    assert walk(maker_of(Never(), Shards(0, (Shard(0, 4, done=True),)))) == []


def test_the_last_incomplete_batch_says_that_nothing_follows():
    maker = maker_of(Stream(3))
    shard = iter(maker)
    items = list(shard)
    assert IterableCollate(maker)(items)[0] == Shard(0, 3, True, None)


def test_collate_fn_is_keyed_by_the_batch_s_first_item():
    def collated(cuts):
        maker = maker_of(Stream(12), collate_fn=mix_up)
        collate, shard = IterableCollate(maker), iter(maker)
        return [bits(collate([next(shard) for _ in range(cut)])[1]) for cut in cuts]

    assert collated([4, 4, 4]) == collated([4, 4, 4])
    assert collated([4, 4, 4])[0] == collated([4, 8])[0]


def test_the_state_is_a_copy():
    maker = maker_of(StatefulIterator(6))
    shard = iter(maker)
    said, _ = IterableCollate(maker)([next(shard)])
    before = dict(said.state)
    next(shard)
    assert said.state == before


def test_pickling_leaves_generators_and_the_open_shard_behind():
    maker = maker_of(StatefulStream(6))
    next(iter(maker))
    other = pickle.loads(pickle.dumps({**maker.__getstate__(), "epoch": torch.zeros(()), "replayed": torch.zeros(1)}))
    assert other["_generators"] is None
    assert other["shard"] is None
