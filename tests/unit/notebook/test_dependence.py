"""Whose draws a cell's draws go on from, as a pure function."""

from __future__ import annotations

import random

import numpy as np

from samerun.notebook.dependence import Dependence, dependences
from samerun.notebook.draws import Span
from samerun.notebook.states import read
from samerun.rng.numpy import BitGeneratorSource
from samerun.rng.python import PythonSource


class Maker:
    """Makes spans of one private generator, as cells do."""

    def __init__(self, source="python"):
        self.rng = random.Random(3)
        self.source = PythonSource(source, self.rng)
        self.state = read([self.source], {})

    def span(self, action, label=""):
        before = self.state
        action()
        self.state = read([self.source], before)
        return Span(label, before, self.state)

    def draw(self, label="", count=1):
        return self.span(lambda: [self.rng.getrandbits(32) for _ in range(count)], label)

    def seed(self):
        return self.span(lambda: self.rng.seed(self.rng.random()))


def test_a_cell_goes_on_from_those_that_drew_since_the_seed():
    maker = Maker()
    cells = [
        (1, [maker.draw()]),
        (2, [maker.seed()]),
        (3, [maker.draw()]),
        (4, []),
        (5, [maker.draw(count=7)]),
        (6, [maker.draw()]),
    ]
    assert dependences(cells) == [
        Dependence(1, "python", None, ()),
        Dependence(3, "python", 2, ()),
        Dependence(5, "python", 2, ((3, 1),)),
        Dependence(6, "python", 2, ((3, 1), (5, 7))),
    ]
    assert dependences(cells)[-1].on == (3, 5)


def test_streams_are_sequences_of_their_own_and_isolated_draws_disturb_nobody():
    maker = Maker()
    cells = [
        (1, [maker.draw("train")]),
        (2, [maker.draw("")]),
        (3, [maker.draw("isolate")]),
        (4, [maker.draw("train")]),
        (5, [maker.draw("")]),
    ]
    found = {(d.cell, d.source): d.on for d in dependences(cells)}
    assert found == {
        (1, "train: python"): (),
        (2, "python"): (),
        (3, "python"): (2,),
        (4, "train: python"): (1,),
        (5, "python"): (2,),
    }


def test_draws_that_are_not_counted_count_as_draws():
    generator = np.random.PCG64(1)
    source = BitGeneratorSource("rng", generator)
    states = [read([source], {})]
    for _ in range(2):
        generator.random_raw(1)
        states.append(read([source], states[-1]))
    cells = [(place, [Span("", states[place - 1], states[place])]) for place in (1, 2)]
    assert dependences(cells)[-1] == Dependence(2, "rng", None, ((1, None),))
