import torch
from timm.data import Mixup, create_transform


def train(loader, model, optimizer, path):
    transform, mix = create_transform(32, is_training=True), Mixup(0.8)
    optimizer.load_state_dict(torch.load(path)["optimizer"])
    for batch, target in loader(transform):
        model(mix(batch, target)).sum().backward()
        optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}  # error: SR010: transform draws (line 6)
    torch.save(state, path)
