import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

RNG = np.random.default_rng(0)
SEEDED_LATER = random.Random(0)
TOLD_APART = random.Random(0)


class Noisy(Dataset):
    def __init__(self, seed, generator=None):
        self.rng = np.random.RandomState(seed)
        self.dice = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.given = generator
        self.keyed = np.random.default_rng(seed)
        self.renewed = np.random.default_rng(seed)
        self.unused = np.random.default_rng(seed)
        self.order = self.unused.permutation(10)

    def open(self, worker):
        self.opened = np.random.default_rng(worker)

    def set_epoch(self, epoch):
        self.renewed = np.random.default_rng(epoch)

    def __getitem__(self, index):
        crop = self.rng.randint(3)  # error: SR020: self.rng is copied into each worker
        self.rng.rand()
        noise = torch.rand(3, generator=self.generator)  # error: SR020: self.generator
        given = self.given.random()
        renewed = self.renewed.random() + self.opened.random() + TOLD_APART.random()
        own = np.random.default_rng(index)
        state = self.rng.get_state()
        return crop, noise, given, renewed, own.random(), state, RNG.random(), self.flip()  # error: SR020: RNG

    def flip(self):
        return self.dice.random() < 0.5  # error: SR020: self.dice

    def plot(self):
        return self.unused.random(), self.keyed.random()


class Stream(IterableDataset):
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __iter__(self):
        while True:
            yield self.rng.random()  # error: SR020


class Keyed(Dataset):
    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.torch = torch.Generator()
        self.torch.manual_seed(seed)

    def __getitem__(self, index):
        self.dice.seed(index)
        local = SEEDED_LATER.random()
        return self.dice.random(), local, torch.rand(1), np.random.rand(), torch.rand(1, generator=self.torch)  # error: SR020


def start_worker(worker):
    SEEDED_LATER.seed(worker)
    reseed(TOLD_APART, worker)


class Sampler:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __getitem__(self, index):
        return self.rng.random()


DataLoader(Noisy(0), num_workers=4)
