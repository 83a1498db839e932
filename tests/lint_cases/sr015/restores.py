import samerun
import torch
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    loader = DataLoader(data, shuffle=True, num_workers=4, persistent_workers=True)  # error: SR015
    samerun.restore(torch.load(path))
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()


def ours(data):
    return samerun.DataLoader(data, shuffle=True, num_workers=4, persistent_workers=True)
