import random

import numpy as np
import torch
from torch.utils.data import DataLoader


def begin(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


def resume(state):
    torch.set_rng_state(state)
    return random.random()


loader = DataLoader([1], worker_init_fn=begin, num_workers=2)
other = DataLoader([1], worker_init_fn=lambda _: np.random.seed(0), num_workers=2)
