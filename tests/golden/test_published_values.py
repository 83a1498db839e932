"""Values published by others, so that our ``seed_everything`` is everybody's.

Source: github.com/yu-yagi/random_seed_experment, ``random_seed_experiment.ipynb`` at commit 975d1fd2, outputs of its
cells 3 and 7 (numpy 2.0.2, torch 2.6, Python 3.11, seed 42).
"""

from __future__ import annotations

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

import samerun


def test_first_draws_after_seeding_with_42():
    samerun.seed_everything(42)
    assert random.random() == 0.6394267984578837
    assert np.random.randint(0, 2**31 - 1, dtype=np.int64) == 1608637542
    assert torch.empty((), dtype=torch.int64).random_().item() == 6909045637428952499


class WorkerSeeds(Dataset):
    """Reports the seed of the worker and its first draws, as the notebook's dataset does."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        seed = get_worker_info().seed
        numbers = random.random(), np.random.randint(0, 2**31 - 1, dtype=np.int64)
        return seed, *numbers, torch.empty((), dtype=torch.int64).random_().item()


def test_worker_seeds_and_draws_of_a_plain_dataloader_over_two_epochs():
    samerun.seed_everything(42)
    loader = DataLoader(WorkerSeeds(), batch_size=2, num_workers=2)
    epochs = [[tuple(column[0].item() for column in batch) for batch in loader] for _ in range(2)]
    assert epochs == [
        [
            (6909045637428952499, 0.76579821087278, 959832575, 1170639138655272132),
            (6909045637428952500, 0.622363687543226, 1662264820, 2388289256833682258),
        ],
        [
            (8314211556539077902, 0.497469773115513, 1524043329, 8205711491232393797),
            (8314211556539077903, 0.7249762437124196, 595172096, 3884317797759040003),
        ],
    ]


def test_the_main_process_drew_the_base_seed():
    samerun.seed_everything(42)
    loader = DataLoader(WorkerSeeds(), batch_size=2, num_workers=2)
    first_seed = next(iter(loader))[0][0].item()
    samerun.seed_everything(42)
    assert first_seed == torch.empty((), dtype=torch.int64).random_().item()
