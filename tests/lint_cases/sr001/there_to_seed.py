import random

import numpy as np


def fix_random_seeds(seed):
    np.random.seed(seed)  # error: SR001: and not Python's random, which line 11


def pick(rows):
    return random.choice(rows)
