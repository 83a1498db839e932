import samerun
import torch
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in DataLoader(data, shuffle=True):
        model(batch).sum().backward()
        optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    torch.save(samerun.capture().state_dict(), f"{path}.all")
