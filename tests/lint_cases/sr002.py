import torch
import torch.cuda as cuda
from torch.cuda import manual_seed as seed_one


def seed(value):
    torch.cuda.manual_seed(value)  # error: SR002: the current device alone
    cuda.manual_seed(value)  # error: SR002
    seed_one(value)  # error: SR002
    torch.cuda.manual_seed(value)  # noqa: SR002 this one is meant


class Mine:
    def manual_seed(self, value):
        return value


def other(torch):
    torch.cuda.manual_seed(1)
    Mine().manual_seed(2)
