import torch
from restoring import resume
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    resume(path)  # error: SR014: before the loop of line 8 begins
    for batch in DataLoader(data, shuffle=True):
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
