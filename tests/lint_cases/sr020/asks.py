import random

from torch.utils.data import Dataset, IterableDataset, get_worker_info


def part(items):
    worker = get_worker_info()
    return items[worker.id :: worker.num_workers]


def number():
    return get_worker_info().id


class Stream(IterableDataset):
    def __init__(self, items):
        self.items = items
        self.rng = random.Random(0)

    def __iter__(self):
        self.rng.shuffle(self.items)
        yield from part(self.items)


class Alike(Dataset):
    def __init__(self):
        self.rng = random.Random(0)

    def __getitem__(self, index):
        return self.rng.random()  # error: SR020: self.rng


class ToldApart(Dataset):
    def __init__(self):
        self.rng = random.Random(0)

    def __getitem__(self, index):
        return [self.rng.random() for _ in range(number() + 1)][-1]
