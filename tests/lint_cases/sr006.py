import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from somewhere import args, flip, seed_everything

SEED = 1


def seed_it(seed=3):
    random.seed(seed)


class Images(Dataset):
    def __init__(self, seed, transform):
        self.seed = seed
        self.transform = transform

    def __getitem__(self, index):
        random.seed(42)  # error: SR006: seeded with the same for each item
        np.random.seed(self.seed)  # error: SR006
        torch.manual_seed(SEED + 1)  # error: SR006
        seed_everything(args.seed)  # error: SR006
        seed_it()  # error: SR006
        if self.seed is not None:
            random.seed(self.seed)  # error: SR006
        if self.transform:
            random.seed(SEED)  # error: SR006
        return self.augmented(index)

    def augmented(self, index):
        torch.manual_seed(3)  # error: SR006
        return flip(index)


class Pairs(Dataset):
    """An image and its mask are to be treated alike, each pair in another way."""

    def __init__(self, split):
        self.split = split
        self.epoch_seed = 0

    def set_epoch(self, epoch):
        self.epoch_seed = epoch

    def __getitem__(self, index):
        seed = np.random.randint(2**31)
        random.seed(seed)
        image = flip(index)
        random.seed(seed)
        mask = flip(index)
        seed_it(index)
        np.random.seed(SEED + index)
        random.seed(hash((SEED, index)))
        torch.manual_seed(self.epoch_seed)
        own = np.random.default_rng(SEED)
        if self.split == "val":
            random.seed(SEED)
        if not self.training:
            random.seed(SEED)
        with torch.random.fork_rng():
            torch.manual_seed(0)
        return image, mask, own

    def __len__(self):
        random.seed(0)
        return 3


class Restored(Dataset):
    def __getitem__(self, index):
        state = random.getstate()
        random.seed(0)
        found = flip(index)
        random.setstate(state)
        return found


class ValidationImages(Dataset):
    def __getitem__(self, index):
        random.seed(0)
        return flip(index)


class Stream(IterableDataset):
    def __iter__(self):
        random.seed(0)  # error: SR006: seeded with the same for each epoch
        yield random.random()


class Order(Sampler):
    def __init__(self, seed):
        self.seed = seed
        self.epoch = 0

    def __iter__(self):
        torch.manual_seed(self.seed)  # error: SR006
        generator = torch.Generator()
        generator.manual_seed(self.seed)
        torch.manual_seed(self.seed + self.epoch)
        return iter(torch.randperm(3, generator=generator))


class RandomFlip:
    def __call__(self, image):
        random.seed(SEED)  # error: SR006
        return flip(image)


class TransformerBlock(torch.nn.Module):
    def forward(self, x):
        torch.manual_seed(0)
        return x


class Trainer:
    def __iter__(self):
        random.seed(0)
        return iter(())

    def __call__(self):
        random.seed(0)


def collate_fn(batch):
    np.random.seed(SEED)  # error: SR006: for each batch
    return batch


def together(batch):
    np.random.seed(SEED)  # error: SR006: for each batch
    return batch


def apart(batch):
    np.random.seed(SEED)
    return batch


loader = DataLoader(Images(1, None), collate_fn=together)
