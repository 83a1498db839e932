import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader


def train(data, model, optimizer, path):
    accelerator = Accelerator()
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in DataLoader(data, shuffle=True):
        accelerator.backward(model(batch).sum())
        optimizer.step()
    accelerator.save_state(path)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
