from __future__ import annotations

import pytest
import torch
from torch.utils.data import BatchSampler, RandomSampler

from noisy import Noisy, bits
from samerun import DataLoader
from samerun.data.guard import GuardedBatchSampler, unguarded
from samerun.errors import LoaderError

pytestmark = pytest.mark.usefixtures("impatient")


def test_it_says_what_torch_s_would_and_is_not_to_be_iterated():
    guarded = GuardedBatchSampler.over(BatchSampler(RandomSampler(range(10)), 4, drop_last=False))
    assert isinstance(guarded, BatchSampler)
    assert (len(guarded), guarded.batch_size, guarded.drop_last) == (3, 4, False)
    with pytest.raises(LoaderError, match="taken the loader apart"):
        next(iter(guarded))


def test_one_that_a_framework_makes_for_a_loader_of_ours_is_iterated_like_torch_s():
    assert list(GuardedBatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]


def test_a_loader_has_one_unless_a_batch_sampler_was_given():
    assert type(DataLoader(Noisy(), batch_size=4, seed=1).batch_sampler) is GuardedBatchSampler
    own = BatchSampler(RandomSampler(range(24)), 4, False)
    assert DataLoader(Noisy(), batch_sampler=own, seed=1).batch_sampler is own
    assert DataLoader(Noisy(), batch_size=None, seed=1).batch_sampler is None


def test_whoever_builds_a_plain_loader_of_the_pieces_is_told():
    ours = DataLoader(Noisy(), batch_size=4, shuffle=True, seed=1)
    rebuilt = torch.utils.data.DataLoader(ours.dataset, batch_sampler=ours.batch_sampler)
    with pytest.raises(LoaderError, match="taken the loader apart"):
        next(iter(rebuilt))


def double(items):
    return 2 * torch.stack(items)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("options", [{"batch_size": None}, {"batch_sampler": [[1, 2], [3, 4]]}, {"collate_fn": double}])
def test_also_where_the_batch_sampler_cannot_tell(options, workers):
    ours = DataLoader(Noisy(), seed=1, **options)
    own = ours.batch_sampler if "batch_sampler" in options else None
    rebuilt = torch.utils.data.DataLoader(
        ours.dataset, batch_sampler=own, collate_fn=ours.collate_fn, num_workers=workers
    )
    with pytest.raises(RuntimeError, match="taken the loader apart"):
        next(iter(rebuilt))


@pytest.mark.filterwarnings("ignore:two loaders")
def test_the_collate_function_can_be_called_by_hand_and_is_not_guarded_twice():
    ours = DataLoader(Noisy(), batch_size=4, collate_fn=double, seed=1)
    items = [torch.ones(2), torch.zeros(2)]
    assert bits(ours.collate_fn(items)) == bits(double(items))
    again = DataLoader(Noisy(), batch_size=4, collate_fn=ours.collate_fn, seed=1)
    assert unguarded(again.collate_fn) is unguarded(ours.collate_fn) is double
    assert ours.collate_fn == again.collate_fn == double != again
    assert hash(ours.collate_fn) == hash(double)
    assert bits(next(iter(again))) == bits(next(iter(ours)))
