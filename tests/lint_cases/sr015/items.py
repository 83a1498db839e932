import random

import torch
from torch.utils.data import DataLoader, Dataset


class Items(Dataset):
    def __getitem__(self, index):
        return random.random()


def train(data, model, optimizer, path, batches):
    loader = DataLoader(Items(data), batch_sampler=batches, num_workers=4, persistent_workers=True)  # error: SR015
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()


def evaluate_between(data):
    # The name of the function is that of what it does, not of the loader.
    loader = DataLoader(Items(data), shuffle=True, num_workers=4, persistent_workers=True)  # error: SR015
    none = DataLoader(Items(data), sampler=None, num_workers=4, persistent_workers=True)
    in_order = DataLoader(Items(data), shuffle=False, num_workers=4, persistent_workers=True)
    return loader, none, in_order
