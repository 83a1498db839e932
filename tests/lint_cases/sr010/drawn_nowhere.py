import torch
from drawing import Base, Net, Plain
from timm.data import create_transform
from torch.utils.data import DataLoader


def train(model: Net, optimizer, path, own: Base):
    loader = DataLoader(Plain(create_transform(32, is_training=False)))
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch in loader:
        model(batch).sum().backward()
        optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
