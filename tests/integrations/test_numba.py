from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest

from samerun.rng import capture, isolate, restore, seed_everything


@pytest.fixture(scope="module")
def compiled():
    import numba

    def draw():
        return np.random.random(), np.random.normal(), random.random(), random.gauss(0.0, 1.0)

    def seed_inside(seed):
        np.random.seed(seed)
        random.seed(seed)

    return numba.njit(draw), numba.njit(seed_inside)


@pytest.fixture
def draw(numba, compiled):
    return compiled[0]


@pytest.fixture
def seed_inside(numba, compiled):
    return compiled[1]


def test_seeding_the_libraries_does_not_reach_compiled_code_and_seed_everything_does(draw):
    first, second = [], []
    for values in (first, second):
        random.seed(1)
        np.random.seed(1)
        values.extend(draw())
    assert first != second  # the negative control
    seed_everything(1)
    seeded = draw()
    seed_everything(1)
    assert draw() == seeded


def test_classic_seeds_are_those_of_numba(draw, seed_inside):
    seed_everything(42)
    ours = draw()
    seed_inside(42)
    assert draw() == ours


def test_captured_with_the_cached_gaussian_and_restored(draw):
    draw()
    state = capture()
    assert {"numba.numpy", "numba.python"} <= set(state.names)
    first = draw()
    assert draw() != first
    restore(state)
    assert draw() == first
    assert state.diff(capture())["numba.numpy"].draws > 0


def test_isolated_like_the_others(draw):
    state = capture()
    with isolate():
        draw()
        seed_everything(3)
    assert capture() == state


@pytest.mark.parametrize("imported", [True, False])
def test_there_only_where_numba_is_imported(imported):
    code = f"import sys; {'import numba; ' if imported else ''}import samerun; names = samerun.capture().names\n"
    code += f"assert ('numba.numpy' in names) is {imported} and ('numba' in sys.modules) is {imported}"
    subprocess.run([sys.executable, "-c", code], check=True)
