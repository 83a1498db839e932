import torch


def build():
    return torch.nn.Linear(1, 2)


def seed():
    torch.manual_seed(0)
