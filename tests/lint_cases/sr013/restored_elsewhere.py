import torch
from restoring import resume
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    start = resume(path)
    for step, batch in enumerate(DataLoader(data, shuffle=True)):
        if step < start:  # error: SR013: line 11 of restoring.py
            continue
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
