import random

import numpy as np


def order(rows, seed):
    np.random.seed(seed)
    np.random.shuffle(rows)
    return random.choice(rows)


order([1, 2], 3)  # error: SR001
