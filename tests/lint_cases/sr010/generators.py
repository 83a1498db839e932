import torch
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    checkpoint = torch.load(path)
    optimizer.load_state_dict(checkpoint["optimizer"])
    for batch in DataLoader(data, shuffle=True):
        model(batch).sum().backward()
        optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rng": torch.get_rng_state()}
    torch.save(state, path)
