import torch
from drawing import Items
from torch.utils.data import DataLoader


def train(model, optimizer, path):
    loader = DataLoader(Items())
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}  # error: SR010: drawn for an item (line 7)
    torch.save(state, path)
