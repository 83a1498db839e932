from __future__ import annotations

import copy
import pickle

import pytest
from torch.utils.data import BatchSampler, RandomSampler

from noisy import Noisy, Stream, bits
from samerun import DataLoader

pytestmark = pytest.mark.filterwarnings("ignore:two loaders")


def loader(**options) -> DataLoader:
    return DataLoader(Noisy(12), **{"batch_size": 4, "shuffle": True, "seed": 7, **options})


def epochs(count: int, **options) -> list[list[bytes]]:
    alone = loader(**options)
    return [[bits(batch) for batch in alone] for _ in range(count)]


def test_the_sampler_s_epoch_is_the_loader_s():
    ours = loader()
    ours.sampler.set_epoch(2)
    assert [bits(batch) for batch in ours] == epochs(3)[2]


@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
def test_an_iterator_that_has_given_nothing_goes_to_the_epoch(workers, persistent):
    ours = loader(num_workers=workers, persistent_workers=persistent)
    batches = iter(ours)
    ours.sampler.set_epoch(2)
    assert (ours.state_dict()["epoch"], ours.state_dict()["samples"]) == (2, 0)
    assert [bits(batch) for batch in batches] == epochs(3)[2]
    assert ours.state_dict()["epoch"] == 3


def test_one_that_has_given_a_batch_stays_and_the_next_goes():
    ours = loader()
    batches = iter(ours)
    first = bits(next(batches))
    ours.set_epoch(2)
    assert [first, *map(bits, batches)] == epochs(1)[0]
    assert [bits(batch) for batch in ours] == epochs(3)[2]


@pytest.mark.parametrize("again", [False, True])
def test_a_place_inside_the_very_epoch_stays_whether_or_not_another_iterator_is_begun(again):
    ours = loader()
    state = {**ours.state_dict(), "epoch": 1, "samples": 4, "taken": 4}
    ours.load_state_dict(state)
    batches = iter(ours)
    ours.sampler.set_epoch(1)
    assert ours.state_dict() == state
    batches = iter(ours) if again else batches
    assert [bits(batch) for batch in batches] == epochs(2)[1][1:]
    assert (ours.state_dict()["epoch"], ours.state_dict()["samples"]) == (2, 0)


def test_only_a_sampler_that_the_loader_made_tells_it():
    own = RandomSampler(range(12))
    loader(shuffle=None, sampler=own)
    assert not hasattr(own, "set_epoch")
    batch_sampler = BatchSampler(own, 4, drop_last=False)
    ours = loader(shuffle=None, batch_size=1, batch_sampler=batch_sampler)
    ours.sampler.set_epoch(3)
    assert ours.state_dict()["epoch"] == 3
    assert not hasattr(batch_sampler, "set_epoch")
    iterable = DataLoader(Stream(), batch_size=4, seed=7)
    iterable.sampler.set_epoch(3)
    assert iterable.state_dict()["epoch"] == 3


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda ours: pickle.loads(pickle.dumps(ours))])
def test_a_copy_hears_for_itself(copied):
    ours = loader()
    other = copied(ours)
    other.sampler.set_epoch(2)
    shared = copied is copy.copy  # the sampler is
    assert (ours.state_dict()["epoch"], other.state_dict()["epoch"]) == (2 if shared else 0, 2)
    ours.sampler.set_epoch(1)
    assert (ours.state_dict()["epoch"], other.state_dict()["epoch"]) == (1, 1 if shared else 2)


def test_a_sampler_that_outlives_its_loader_can_be_told():
    ours = loader()
    sampler = ours.sampler
    del ours
    sampler.set_epoch(1)
    assert len(list(pickle.loads(pickle.dumps(sampler)))) == 12
