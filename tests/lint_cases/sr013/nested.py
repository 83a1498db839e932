import torch
from torch.utils.data import DataLoader


def train(data, model, optimizer, checkpoint, path, epochs):
    loader = DataLoader(data, shuffle=True)
    torch.set_rng_state(checkpoint["rng"])
    for epoch in range(checkpoint["epoch"], epochs):
        for step, batch in enumerate(loader):
            if epoch == checkpoint["epoch"]:
                if step < checkpoint["start"]:  # error: SR013: line 7
                    continue
            model(batch).sum().backward()
            optimizer.step()
            torch.save(torch.get_rng_state(), path)


def for_something_else(data, model, optimizer, checkpoint, path):
    torch.set_rng_state(checkpoint["rng"])
    for step, batch in enumerate(DataLoader(data)):
        if len(batch) == 8:
            if step % 10 == checkpoint["start"]:
                continue
        model(batch).sum().backward()
        optimizer.step()
        torch.save(torch.get_rng_state(), path)
