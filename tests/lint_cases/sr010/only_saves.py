import torch
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    for batch in DataLoader(data, shuffle=True):
        model(batch).sum().backward()
        optimizer.step()
    # Nobody loads it here: it may be meant for something else.
    torch.save(dict(model=model.state_dict(), optimizer=optimizer.state_dict()), path)  # pedantic: SR010
