import torch


def prepare(seed):
    torch.manual_seed(seed)
