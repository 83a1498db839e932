import random
import random as rnd

import numpy as np
import torch
from torch.nn import Linear


def prepare(files):
    random.shuffle(files)
    return np.random.permutation(len(files))


def main(files):
    torch.manual_seed(0)  # error: SR001: and not Python's random, which line 10  # error: SR001: and not NumPy's generator, which line 11
    prepare(files)
    own = np.random.default_rng(0)
    own.random()
    Linear(2, 3)
    return rnd.Random(0).random()
