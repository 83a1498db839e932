from itertools import islice

import torch
from torch.utils.data import DataLoader


def train(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for batch in islice(DataLoader(data, shuffle=True), checkpoint["step"], None):  # error: SR013
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)


def unknown(data, model, optimizer, checkpoint, save):
    torch.set_rng_state(checkpoint["rng"])
    for batch in islice(DataLoader(data, shuffle=True), checkpoint["step"], None):  # pedantic: SR013
        model(batch).sum().backward()
        optimizer.step()
        save(model)


def the_first(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for batch in islice(DataLoader(data, shuffle=True), 100):
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
