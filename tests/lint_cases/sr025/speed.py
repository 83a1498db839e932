import torch


def prepare(device):
    torch.backends.cudnn.benchmark = True
    return torch.device(device)


def careful():
    torch.backends.cudnn.benchmark = False
