import random

import numpy as np


def order(rows, seed):
    np.random.seed(seed)  # pedantic: SR001: and not Python's random, which line 9
    np.random.shuffle(rows)
    return random.choice(rows)
