import random
from random import Random

import numpy as np
import torch
from numpy.random import PCG64, Generator, RandomState, SeedSequence, default_rng
from torch.utils.data import DataLoader, random_split

rng = np.random.default_rng()  # error: SR019: np.random.default_rng without a seed begins elsewhere
states = [RandomState() for _ in range(3)]  # error: SR019
dice = Random()  # error: SR019
generator = Generator(PCG64())  # error: SR019: PCG64
children = SeedSequence().spawn(4)  # error: SR019
default_rng().normal(size=3)  # error: SR019
default_rng(None)  # pedantic: SR019
loader = DataLoader([], shuffle=True, generator=torch.Generator())  # error: SR019: the same in every run, whatever seed
split = torch.Generator(device="cpu")  # error: SR019
random_split([], [0.8, 0.2], generator=split)


class Noise:
    def __init__(self, seed=None):
        self.rng = np.random.default_rng()  # error: SR019
        self.later = random.Random()
        self.given = np.random.default_rng(seed)
        self.generator = torch.Generator()
        self.mine = torch.Generator()  # error: SR019
        self.first = random.Random()  # pedantic: SR019
        self.unset = None
        self.unset = random.Random()  # error: SR019
        self.for_a_time = RandomState()

    def reset(self, seed):
        self.later.seed(seed)
        self.generator.manual_seed(seed)
        self.first = random.Random(seed)
        with temporary_seed(self.for_a_time, seed):
            pass


def sample(n, rng=None, seed=None):
    if rng is None:
        rng = np.random.default_rng()  # pedantic: SR019
    other = rng or default_rng()  # pedantic: SR019
    third = default_rng() if seed is None else default_rng(seed)  # pedantic: SR019
    if n:
        fourth = default_rng()  # error: SR019
    return rng, other, third, fourth


# What is seeded, at once or later, or where it begins is kept.
default_rng(0)
RandomState(seed=3)
Generator(PCG64(3))
np.random.Philox(key=3)
seeded = torch.Generator().manual_seed(0)
another = torch.Generator("cuda")
another.manual_seed(3)
early = random.Random()
early.setstate(Random(3).getstate())
entropy = SeedSequence().entropy
seed = default_rng().integers(2**32)  # error: SR019
base_seed = SeedSequence()
drawn = torch.Generator()
drawn.seed()
restored = default_rng()
restored.bit_generator.state = default_rng(3).bit_generator.state
system = random.SystemRandom()


# Whoever gets it may seed it.
def make(options):
    made = torch.Generator()
    prepare(made)
    returned = torch.Generator()
    default_rng(*options)
    RandomState(**options)
    prepare(torch.Generator())
    return returned


def prepare(generator):
    generator.manual_seed(0)


def temporary_seed(rng, seed):
    rng.seed(seed)


def local(default_rng, np):
    default_rng()
    np.random.default_rng()
    early = random.Random()  # error: SR019
    return early
