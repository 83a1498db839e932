"""What loaders are built of in the tests of their contract, and how they are run, stopped and resumed."""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DistributedSampler,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from noisy import (
    ByLength,
    Lazily,
    Lazy,
    LazyMixUp,
    Noisy,
    NoisyBatches,
    OnlyTorch,
    Private,
    PrivateMixUp,
    StatefulSampler,
    bits,
    mix_up,
)
from samerun import DataLoader

SIZE, BATCHES, EPOCHS = 24, 5, 3


def augmented(seed):
    """Images through Albumentations 2, whose generators are private."""
    albumentations = pytest.importorskip("albumentations")
    return Augmented(
        albumentations.Compose([albumentations.GaussNoise(p=0.7), albumentations.HorizontalFlip()], seed=seed)
    )


class Augmented(Noisy):
    def __init__(self, transform):
        super().__init__(SIZE)
        self.transform = transform

    def __getitem__(self, index):
        image = np.full((4, 4, 3), index, dtype=np.uint8)
        return torch.from_numpy(self.transform(image=image)["image"].copy())


class Listed(NoisyBatches):
    """Takes lists of indices too, as the datasets of Hugging Face do; torch asks for them where batching is off."""

    def __getitem__(self, index):
        return torch.stack([Noisy.__getitem__(self, one) for one in index])


RECIPES = {
    "in order": lambda: {"dataset": Noisy(), "batch_size": BATCHES},
    "shuffled": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "shuffle": True},
    "drop last": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "shuffle": True, "drop_last": True},
    "whole batches": lambda: {"dataset": NoisyBatches(), "batch_size": BATCHES, "shuffle": True},
    "no batches": lambda: {"dataset": Noisy(6), "batch_size": None, "shuffle": True},
    "batches by the sampler": lambda: {
        "dataset": Listed(),
        "batch_size": None,
        "sampler": [[0, 1, 2], [3], [5, 4, 7, 8]],
    },
    "concatenated": lambda: {"dataset": ConcatDataset([Noisy(9), Noisy(9)]), "batch_size": 4, "shuffle": True},
    "subset": lambda: {"dataset": Subset(Noisy(), range(3, 20)), "batch_size": BATCHES, "shuffle": True},
    "weighted": lambda: {
        "dataset": Noisy(),
        "batch_size": BATCHES,
        "sampler": WeightedRandomSampler(range(1, SIZE + 1), SIZE),
    },
    "subset at random": lambda: {
        "dataset": Noisy(),
        "batch_size": BATCHES,
        "sampler": SubsetRandomSampler(range(0, SIZE, 2)),
    },
    "with replacement": lambda: {
        "dataset": Noisy(),
        "batch_size": BATCHES,
        "sampler": RandomSampler(range(SIZE), replacement=True, generator=torch.Generator()),
    },
    "distributed": lambda: {"dataset": Noisy(), "batch_size": 3, "sampler": DistributedSampler(range(SIZE), 2, 1)},
    "by length": lambda: {"dataset": Noisy(40), "batch_sampler": ByLength(SIZE)},
    "batch sampler of torch": lambda: {
        "dataset": Noisy(),
        "batch_sampler": BatchSampler(RandomSampler(range(SIZE)), BATCHES, drop_last=True),
    },
    "batches in a list": lambda: {"dataset": Noisy(), "batch_sampler": [[3, 4], [5], [9, 8, 7, 9]]},
    "lazy": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "sampler": Lazily(SIZE, SIZE)},
    "with a state": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "sampler": StatefulSampler(SIZE, 22)},
    "list": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "sampler": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]},
    "endless": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "sampler": Lazily(SIZE)},
    "private generators": lambda: {"dataset": Private(), "batch_size": BATCHES, "shuffle": True},
    "a late generator of its own": lambda: {"dataset": Lazy(), "batch_size": BATCHES, "shuffle": True},
    "mix-up": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "shuffle": True, "collate_fn": mix_up},
    "private mix-up": lambda: {"dataset": Private(), "batch_size": BATCHES, "collate_fn": PrivateMixUp()},
    "late mix-up": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "collate_fn": LazyMixUp()},
    "one source": lambda: {"dataset": OnlyTorch(), "batch_size": BATCHES, "shuffle": True, "rngs": "torch"},
    "albumentations": lambda: {"dataset": augmented(None), "batch_size": BATCHES, "shuffle": True},
    "albumentations, seeded": lambda: {"dataset": augmented(5), "batch_size": BATCHES, "shuffle": True},
}
ENDLESS = 6  # batches of an epoch of the sampler that never ends


def build(recipe, **arguments):
    return DataLoader(**{"seed": 42, **RECIPES[recipe](), **arguments})


def walk(loader):
    """The bits of the batches of one epoch."""
    return [bits(batch) for batch in islice(loader, ENDLESS if isinstance(loader.sampler, Lazily) else None)]


def run(recipe, epochs=EPOCHS, **arguments):
    loader = build(recipe, **arguments)
    return [walk(loader) for _ in range(epochs)]


@cache
def reference(recipe):
    """The uninterrupted run, made in this process."""
    return run(recipe)


def stop(recipe, epoch, received, **arguments):
    """The state after some batches of an epoch, by way of JSON."""
    loader = build(recipe, **arguments)
    loader.set_epoch(epoch)
    batches = iter(loader)
    found = [bits(next(batches)) for _ in range(received)]
    assert found == reference(recipe)[epoch][:received]
    return json.loads(json.dumps(loader.state_dict()))


def go_on(recipe, state, **arguments):
    """The rest of the epoch and the epochs behind it, from a state."""
    loader = build(recipe, **arguments)
    loader.load_state_dict(state)
    epochs = []
    while len(epochs) + state["epoch"] < EPOCHS:
        left = ENDLESS - state["taken"] // BATCHES if recipe == "endless" and not epochs else None
        epochs.append([bits(batch) for batch in islice(loader, left)] if left else walk(loader))
    return epochs


def expected(recipe, epoch, received):
    """What go_on gives if all is well."""
    whole = reference(recipe)
    if received == len(whole[epoch]) and recipe != "endless":
        return whole[epoch + 1 :]
    return [whole[epoch][received:], *whole[epoch + 1 :]]


def items_of(loader):
    return [bits(item) for batch in loader for item in batch]


def environment():
    """Let a process import what this one does."""
    here = str(Path(__file__).parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([here, *filter(None, sys.path)])}
