from __future__ import annotations

import pytest
import torch
from torch.utils.data import BatchSampler, RandomSampler

from noisy import Noisy
from samerun import DataLoader
from samerun.data.guard import GuardedBatchSampler
from samerun.errors import LoaderError


def test_it_says_what_torch_s_would_and_is_not_to_be_iterated():
    guarded = GuardedBatchSampler(RandomSampler(range(10)), 4, False)
    assert isinstance(guarded, BatchSampler)
    assert (len(guarded), guarded.batch_size, guarded.drop_last) == (3, 4, False)
    with pytest.raises(LoaderError, match="taken the loader apart"):
        iter(guarded)


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
