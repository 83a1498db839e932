from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samerun.checkpoint import Keep

LOSSES = {10: 0.5, 20: 0.2, 30: 0.2, 40: math.nan, 50: 0.9}
METRICS = {step: {"loss": loss} for step, loss in LOSSES.items()} | {60: {}}


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (Keep(), [40, 50, 60]),
        (Keep(newest=1), [60]),
        (Keep(newest=None), [10, 20, 30, 40, 50, 60]),
        (Keep(newest=9), [10, 20, 30, 40, 50, 60]),
        (Keep(newest=1, every=20), [20, 40, 60]),
        (Keep(newest=1, best="loss"), [20, 60]),
        (Keep(newest=1, best="loss", mode="max"), [50, 60]),
        (Keep(newest=1, best="accuracy"), [60]),
        (Keep(newest=2, every=30, best="loss"), [20, 30, 50, 60]),
    ],
)
def test_what_is_kept(keep, kept):
    assert keep.doomed(METRICS) == tuple(step for step in METRICS if step not in kept)


def test_what_is_not_a_number_is_not_the_best():
    metrics = {step: {"loss": loss} for step, loss in enumerate([math.nan, 0.5, math.nan, 1.0, math.nan])}
    assert Keep(newest=1, best="loss").doomed(metrics) == (0, 2, 3)
    assert Keep(newest=1, best="loss", mode="max").doomed(metrics) == (0, 1, 2)


@given(
    st.dictionaries(st.integers(0, 100), st.dictionaries(st.just("loss"), st.floats())),
    st.integers(1, 5),
    st.none() | st.integers(1, 10),
    st.sampled_from([None, "loss"]),
)
def test_the_newest_is_always_kept(metrics, newest, every, best):
    doomed = Keep(newest=newest, every=every, best=best).doomed(metrics)
    assert set(doomed) <= metrics.keys()
    assert not set(doomed) & set(sorted(metrics)[-newest:])


@pytest.mark.parametrize(
    "options", [{"newest": 0}, {"newest": True}, {"newest": 1.0}, {"every": 0}, {"every": -1}, {"mode": "least"}]
)
def test_wrong_arguments(options):
    with pytest.raises(ValueError, match="must be"):
        Keep(**options)
