"""Capture, restore and isolate against the bare calls of the libraries; the search for the number of draws."""

from __future__ import annotations

import random

import numpy as np
import torch

from benchmarks.harness import Comparison, Loop, ratio_at_most
from samerun import capture, isolate, restore
from samerun.rng.compare import DRAWS_BOUND
from samerun.rng.mersenne import Twister, draws_between

_DRAWS = 10**6


def rows() -> list[Comparison]:
    """Return the rows about the three CPU sources, and the one about the search."""
    return [_capture(), _restore(), _isolate(), _draws_between()]


def _capture() -> Comparison:
    against = "random.getstate(), np.random.get_state(), torch.get_rng_state()"
    return Comparison("capture()", against, Loop(capture), Loop(_bare_get), ratio_at_most(1.2))


def _restore() -> Comparison:
    state = capture()
    python, numpy, cpu = _bare_get()

    def bare_set() -> None:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)

    against = "random.setstate(), np.random.set_state(), torch.set_rng_state()"
    return Comparison("restore(state)", against, Loop(lambda: restore(state)), Loop(bare_set), ratio_at_most(1.2))


def _isolate() -> Comparison:
    def block() -> None:
        with isolate():
            pass

    def by_hand() -> None:
        restore(capture())

    return Comparison("with isolate(): pass", "restore(capture())", Loop(block), Loop(by_hand), ratio_at_most(1.2))


def _draws_between() -> Comparison:
    generator = np.random.MT19937(0)
    first = _twister(generator)
    generator.random_raw(_DRAWS, output=False)
    second = _twister(generator)
    return Comparison(
        "diff of two states 1,000,000 draws apart",
        "np.random.MT19937().random_raw(1_000_000, output=False)",
        Loop(lambda: draws_between(first, second, DRAWS_BOUND)),
        Loop(lambda: generator.random_raw(_DRAWS, output=False)),
    )


def _bare_get() -> tuple[tuple[object, ...], tuple[object, ...], torch.Tensor]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _twister(generator: np.random.MT19937) -> Twister:
    state = generator.state["state"]
    return Twister(state["key"], state["pos"])
