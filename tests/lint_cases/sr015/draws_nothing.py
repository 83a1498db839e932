import torch
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    loader = DataLoader(data, shuffle=True, num_workers=4, persistent_workers=True)  # pedantic: SR015
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
