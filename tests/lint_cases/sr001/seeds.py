import random as r

import numpy
from torch import manual_seed as ms


def seed_everything(seed):
    r.seed(seed)
    numpy.random.seed(seed)
    ms(seed)


def seed_torch(seed):
    ms(seed)


def seed_by(library, seed):
    library.seed(seed)
