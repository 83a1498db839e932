"""A package with a generator of its own, which joins samerun by an entry point:

[project.entry-points."samerun.rng_sources"]
dice = "dice:sources"
"""

from __future__ import annotations

import torch

from samerun.rng import Field, Packed, Source, expect_fields

SIDES = 6

_state = {"seed": 0, "counter": 0}


def roll() -> int:
    """Return the next roll: a Weyl sequence over the sides."""
    _state["counter"] += 1
    return (_state["seed"] + _state["counter"] * 2654435761) % 2**32 % SIDES + 1


class DiceSource(Source[tuple[int, int]]):
    """The dice's state: the seed and how often they were rolled."""

    def __init__(self) -> None:
        super().__init__("dice")

    def read(self):
        return _state["seed"], _state["counter"]

    def write(self, native):
        _state["seed"], _state["counter"] = native

    def seed(self, seed):
        self.write((seed % 2**32, 0))

    @classmethod
    def pack(cls, native):
        seed, counter = native
        return Packed("dice", {"seed": torch.tensor(seed), "counter": torch.tensor(counter)})

    def unpack(self, packed):
        limits = {"seed": Field(torch.int64, (), 0, 2**32 - 1), "counter": Field(torch.int64, (), 0, 2**62)}
        fields = expect_fields(self.name, packed, "dice", limits)
        return int(fields["seed"]), int(fields["counter"])


def sources():
    return [DiceSource()]


def not_sources():
    return ["dice"]


def twice():
    return [DiceSource(), DiceSource()]


def fails():
    return [DiceSource(), 1 / 0]


def nothing():
    return None
