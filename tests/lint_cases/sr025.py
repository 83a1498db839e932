import torch
from torch.backends import cudnn


def seed_everything(seed):
    torch.manual_seed(seed)
    cudnn.deterministic = True  # pedantic: SR025: should other code


def by_the_user(flag):
    cudnn.deterministic = flag
    cudnn.deterministic = False
    torch.backends.mkldnn.deterministic = True
