"""Capture, restore and isolate against the bare calls of the libraries; the search for the number of draws."""

from __future__ import annotations

import random

import numpy as np
import torch

from benchmarks.harness import Comparison, Loop, Target
from samerun import capture, isolate, restore
from samerun.rng.compare import DRAWS_BOUND
from samerun.rng.mersenne import Twister, draws_between

_DRAWS = 10**6
_TARGET = Target("ratio", 1.2)


def rows() -> list[Comparison]:
    """Return the rows about the three CPU sources, and the one about the search."""
    return [_capture(), _restore(), _isolate(), _draws_between()]


def _capture() -> Comparison:
    def bare_get() -> None:
        random.getstate()
        np.random.get_state()
        torch.get_rng_state()

    return Comparison("capture()", "the libraries' three getters", Loop(capture), Loop(bare_get), _TARGET)


def _restore() -> Comparison:
    state = capture()
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()

    def bare_set() -> None:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)

    return Comparison(
        "restore(state)", "the libraries' three setters", Loop(lambda: restore(state)), Loop(bare_set), _TARGET
    )


def _isolate() -> Comparison:
    def block() -> None:
        with isolate():
            pass

    def by_hand() -> None:
        restore(capture())

    return Comparison("with isolate(): pass", "restore(capture())", Loop(block), Loop(by_hand), _TARGET)


def _draws_between() -> Comparison:
    generator = np.random.MT19937(0)
    first = _twister(generator)
    generator.random_raw(_DRAWS, output=False)
    second = _twister(generator)
    return Comparison(
        "draws_between, 10**6 apart",
        "random_raw(10**6)",
        Loop(lambda: draws_between(first, second, DRAWS_BOUND)),
        Loop(lambda: generator.random_raw(_DRAWS, output=False)),
    )


def _twister(generator: np.random.MT19937) -> Twister:
    state = generator.state["state"]
    return Twister(state["key"], state["pos"])
