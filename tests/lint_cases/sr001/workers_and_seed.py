import random

import numpy as np
import torch
from torch.utils.data import DataLoader


def begin(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)


torch.manual_seed(0)  # error: SR001: seeds NumPy's generator and torch's generator, and not Python's random
random.random()
loader = DataLoader([1], worker_init_fn=begin, num_workers=2)
torch.set_rng_state(torch.load("state"))
