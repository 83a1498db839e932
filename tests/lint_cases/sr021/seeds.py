import random

import numpy as np


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)


def seed_python(seed):
    random.seed(seed)
