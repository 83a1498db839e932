import random

import numpy as np
import torch
from torch import nn

from somewhere import data


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def start(self):
        torch.manual_seed(2)  # seeded before by main


def main():
    net = Net()
    random.seed(0)
    torch.manual_seed(0)  # error: SR004: torch's generator is seeded after it made the weights of a model in line 13
    net.start()
    if data:
        np.random.rand()
    np.random.seed(0)  # the draw before may not have happened


if __name__ == "__main__":
    main()
