import random

import numpy as np
import torch

files = ["a", "b"]


def mix(values):
    random.shuffle(values)


def noise():
    return kept[0]


mix(files)
random.seed(0)  # error: SR004: in line 10
order = torch.randperm(3)
kept = np.random.rand(3)
torch.manual_seed(0)  # error: SR004: in line 19
np.random.seed(0)  # error: SR004: in line 20
print(order)
