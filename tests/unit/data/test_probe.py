from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from draws import bare_states
from samerun.data import probe
from samerun.data.legacy import LegacySource
from samerun.data.probe import watch
from samerun.rng.registry import global_sources

SOURCES = {**global_sources(), "numpy": LegacySource("numpy")}
DRAWS = {
    "python": [random.random, lambda: random.gauss(0, 1), lambda: random.getrandbits(32 * 624), lambda: random.seed(1)],
    "numpy": [np.random.random_sample, np.random.standard_normal, lambda: np.random.bytes(4 * 624)],
}


@given(st.sampled_from(sorted(DRAWS)), st.integers(0, 1300), st.booleans(), st.integers(0, 3))
def test_every_draw_moves_and_nothing_else_does(name, words, stored, which):
    random.seed(words)
    np.random.seed(words)
    random.getrandbits(32 * words) if words else None
    np.random.bytes(4 * words)
    if stored:
        random.gauss(0, 1)
        np.random.standard_normal()
    before = bare_states()
    moved = watch(SOURCES[name])
    assert not moved()
    assert bare_states() == before
    DRAWS[name][which % len(DRAWS[name])]()
    assert moved()


def test_the_bytes_read_are_python_s_state():
    assert probe._LAYOUT_IS_KNOWN
    memory, gauss = probe._python()
    _, numbers, stored = random.getstate()
    assert np.frombuffer(memory, np.uint32).tolist() == [numbers[-1], *numbers[:-1]]
    assert gauss == stored


@pytest.mark.parametrize("known", [True, False])
def test_with_another_layout_the_state_itself_is_compared(monkeypatch, known):
    monkeypatch.setattr(probe, "_LAYOUT_IS_KNOWN", known)
    moved = watch(SOURCES["python"])
    assert not moved()
    random.random()
    assert moved()
