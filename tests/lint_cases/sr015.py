import torch
from torch.utils.data import DataLoader
from torchvision import transforms as T


def loaders(data, others, sampler, workers):
    transform = T.Compose([T.RandomHorizontalFlip(), T.ToTensor()])
    train = DataLoader(data(transform), shuffle=True, num_workers=4, persistent_workers=True)  # error: SR015
    other = DataLoader(data(transform), 8, sampler=sampler, persistent_workers=workers > 0)  # error: SR015
    val_loader = DataLoader(others, shuffle=True, num_workers=4, persistent_workers=True)
    plain = DataLoader(others, num_workers=4, persistent_workers=True)
    anew = DataLoader(data, shuffle=True, num_workers=4, persistent_workers=False)
    usual = DataLoader(data, shuffle=True, num_workers=4)
    return train, other, val_loader, plain, anew, usual


def test_loader(data):
    return DataLoader(data, shuffle=True, num_workers=4, persistent_workers=True)


def resume(model, optimizer, path):
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
