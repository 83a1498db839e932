from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch

from samerun.divergence.walk import draws_to
from samerun.rng.discovery import private_sources
from samerun.tracing.generators import Generators
from samerun.tracing.packing import unpack_state

RANDOM, NUMPY, TORCH, MERSENNE = (
    random.Random(1),
    np.random.RandomState(2),
    torch.Generator(),
    np.random.Generator(np.random.MT19937(3)),
)

# Source, what draws one word, and the words that this takes.
DRAWS = {
    "python": (lambda: random.getrandbits(32), 1),
    "numpy": (lambda: np.random.randint(0, 2**32, dtype=np.uint32), 1),
    "torch.cpu": (lambda: torch.rand(1), 1),
    "private random": (lambda: RANDOM.random(), 2),
    "private numpy": (lambda: NUMPY.random_sample(), 2),
    "private mt": (lambda: MERSENNE.random(), 2),
    "private torch": (lambda: torch.rand(1, generator=TORCH), 1),
}
OWNERS = {"private random": RANDOM, "private numpy": NUMPY, "private torch": TORCH, "private mt": MERSENNE}
SEEDS = itertools.count(100)


class Reader:
    """Reads states and digests as a trace's recorder does."""

    def __init__(self, name):
        self.generators = Generators()
        self.name = name
        if name in OWNERS:
            self.owner = type("Owner", (), {})()
            self.owner.rng = OWNERS[name]
            self.generators.look_into("owner", self.owner)
            self.name = "owner.rng"
        self.generators.refresh()

    def state(self):
        return unpack_state(dict(self.generators.states())[self.name])

    def reading(self):
        return {name: found for name, *found in self.generators.read()}[self.name]


def walked(name, draw, bound=100_000):
    reader = Reader(name)
    state = reader.state()
    draw()
    return draws_to(reader.name, state, *reader.reading(), bound)


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("count", [0, 1, 2, 311, 312, 313, 623, 624, 625, 1248, 5000])
def test_the_draws_between_a_state_and_a_digest_are_counted(name, count):
    draw, words = DRAWS[name]

    def many():
        for _ in range(count):
            draw()

    assert walked(name, many) == count * words


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_leads_nowhere(name):
    def seed_all():
        seed = next(SEEDS)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        RANDOM.seed(seed)
        NUMPY.seed(seed)
        TORCH.manual_seed(seed)
        MERSENNE.bit_generator.state = np.random.MT19937(seed).state

    assert walked(name, seed_all) is None


@pytest.mark.parametrize("before", [0, 1, 309, 310, 311])
def test_the_kept_half_of_a_gaussian_is_part_of_the_state(before):
    def gauss():
        for _ in range(before):
            random.random()
        random.gauss(0, 1)

    def normal():
        for _ in range(before):
            np.random.random_sample()
        np.random.normal()

    def randn():
        torch.rand(2 * before)
        torch.randn(1 + 2 * (before % 3))  # an odd number of fewer than 16, whose last one leaves a half

    torch.manual_seed(8)
    assert walked("torch.cpu", randn) == 2 * before + 4 * (1 + before % 3)
    random.gauss(0, 1), random.gauss(0, 1)  # no half is left
    np.random.seed(8)
    assert walked("python", gauss) == 2 * before + 4
    found = walked("numpy", normal)
    assert found is not None
    assert found >= 2 * before + 4
    assert (found - 2 * before) % 4 == 0  # a pair of numbers may be rejected


def test_what_is_drawn_from_a_device_or_pcg_cannot_be_walked():
    reader = Reader("python")
    packed = next(iter(private_sources((np.random.default_rng(1),)).values()))
    assert draws_to("x", packed.pack(packed.read()), bytes(16), 5) is None
    assert draws_to("python", reader.state(), bytes(16), 700) is None
    assert draws_to("python", reader.state(), bytes(16), 7, bound=2000) is None
