import torch
from torch import nn
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    nn.init.normal_(model.weight)
    for batch in DataLoader(data, shuffle=False):
        model(batch).sum().backward()
        optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
