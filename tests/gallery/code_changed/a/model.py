"""A small network."""

from torch import nn
from torch.nn import functional


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        hidden = self.hidden(x)
        return self.out(functional.relu(hidden))  # here
