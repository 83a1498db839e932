import torch
from torch.utils.data import DataLoader
from torchvision import transforms as T


def train(data, model, optimizer, path):
    # Weights are where it begins, and it is never gone on with.
    model.load_state_dict(torch.load(path))
    transform = T.RandomCrop(32)
    for batch in DataLoader(data(transform), shuffle=True, num_workers=4, persistent_workers=True):
        model(batch).sum().backward()
        optimizer.step()
