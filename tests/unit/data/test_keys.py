from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from samerun.data.keys import Keys
from samerun.derive import derive

NUMBERS = st.integers(0, 2**40)


@given(st.integers(0, 2**64 - 1), st.text(), NUMBERS, NUMBERS, NUMBERS)
def test_every_key_is_derived_by_path(seed, name, epoch, first, second):
    keys = Keys(seed, name)
    root = (seed, "data", name)
    assert keys.items(epoch)(first) == derive(*root, "item", epoch, first)
    assert keys.batch(epoch, first) == derive(*root, "batch", epoch, first)
    assert keys.shard(epoch, first)(second) == derive(*root, "shard", epoch, first, second)
    assert keys.shard_batch(epoch, first, second) == derive(*root, "shard batch", epoch, first, second)
    assert keys.opening(epoch, first) == derive(*root, "open", epoch, first)
    assert keys.order(epoch) == derive(*root, "order", epoch)
    assert keys.taking(epoch, first) == derive(*root, "take", epoch, first)
    assert keys.workers(epoch) == derive(*root, "workers", epoch)


def test_no_two_purposes_share_a_key():
    keys = Keys(42, "train")
    found = [
        *(keys.items(epoch)(place) for epoch in range(5) for place in range(5)),
        *(keys.shard(epoch, shard)(place) for epoch in range(5) for shard in range(5) for place in range(5)),
        *(keys.shard_batch(epoch, shard, place) for epoch in range(5) for shard in range(5) for place in range(5)),
        *(
            key(epoch, place)
            for key in (keys.batch, keys.opening, keys.taking)
            for epoch in range(5)
            for place in range(5)
        ),
        *(key(epoch) for key in (keys.order, keys.workers) for epoch in range(5)),
    ]
    assert len(set(found)) == len(found)


def test_seed_and_name_enter_every_key():
    def all_of(keys):
        return {
            keys.items(1)(2),
            keys.batch(1, 2),
            keys.shard(1, 2)(3),
            keys.shard_batch(1, 2, 3),
            keys.opening(1, 2),
            keys.order(1),
            keys.taking(1, 2),
            keys.workers(1),
        }

    found = [all_of(Keys(seed, name)) for seed in (42, 43) for name in ("train", "val")]
    assert len(set.union(*found)) == 4 * 8
