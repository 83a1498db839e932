import random

from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset


class Base(Dataset):
    def __getitem__(self, index):
        return random.random()


class Items(Base):
    def __len__(self):
        return 8


class Plain(Dataset):
    def __getitem__(self, index):
        return index


class Block(nn.Module):
    def forward(self, batch):
        return F.dropout(batch, 0.1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(Block(), Block())


def make():
    return Net()
