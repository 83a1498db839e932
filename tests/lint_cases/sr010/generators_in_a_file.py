import torch
from torch.utils.data import DataLoader

import saving


def train(data, model, optimizer, path, own):
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in DataLoader(data, shuffle=True):
        model(batch).sum().backward()
        optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    torch.save(own.getstate(), f"{path}.rng")
