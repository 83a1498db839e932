import random

import numpy as np
import torch
from lent import numpy_seed


def set_seeds():
    state = np.random.get_state()
    random.seed(0)  # error: SR001: and not torch's generator
    return state


def item(index):
    with numpy_seed(index):
        return random.random(), np.random.rand(), torch.rand(1)
