"""Comparing two traces of 100,000 steps, against reading all events, with which a comparison by hand begins."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from time import perf_counter

from xxhash import xxh3_128_digest

from benchmarks.harness import Comparison, Sampler, Target
from samerun.divergence import judge
from samerun.tracing.format import Phase
from samerun.tracing.writer import Writer

_STEPS = 100_000
_ROUNDS = 3
# What happens in a step of a small training, and whether it is another value in each.
_EVENTS = (
    (Phase.BEFORE_BATCH, "rng", "numpy", False),
    (Phase.BEFORE_BATCH, "rng", "torch.cpu", True),
    (Phase.BATCH, "batch", "Photos[1000]", True),
    (Phase.BATCH, "loss", "", True),
    (Phase.GRADIENTS, "rates", "0", False),
    (Phase.GRADIENTS, "gradients", "0", True),
    (Phase.STEPPED, "optimizer", "0", True),
    (Phase.STEPPED, "parameters", "0", True),
    (Phase.STEPPED, "buffers", "0", True),
    (Phase.STEPPED, "rng", "torch.cpu", True),
)


def rows() -> list[Comparison]:
    """Return a row for two traces that are the same, and for those that differ from the last or the first step on."""
    whens = {"the same": None, "differ at the last step": _STEPS - 1, "differ from the first step on": 0}
    return [_row(f"traces of 10⁵ steps, {what}", since) for what, since in whens.items()]


def _row(what: str, since: int | None) -> Comparison:
    return Comparison(
        *(what, "reading all events"), _judging(since), _reading(since), Target("ours", 5.0), rounds=_ROUNDS
    )


def _judging(since: int | None) -> Sampler:
    def sample() -> float:
        first, second = _trace("first", None), _trace("second", since)
        start = perf_counter()
        with judge(first, second) as found:
            assert found.same == (since is None)
        return perf_counter() - start

    return sample


def _reading(since: int | None) -> Sampler:
    def sample() -> float:
        paths = _trace("first", None), _trace("second", since)
        start = perf_counter()
        events = []
        for path in paths:
            with closing(sqlite3.connect(path)) as connection:
                events.append(connection.execute("SELECT * FROM events ORDER BY seq").fetchall())
        assert (events[0] == events[1]) == (since is None)
        return perf_counter() - start

    return sample


@cache
def _trace(name: str, since: int | None) -> Path:
    """Write a trace whose parameters are others from a step on."""
    folder = Path(tempfile.mkdtemp(prefix="samerun-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / f"{name}.trace"
    with Writer(path, {"environment": {}, "command": {"argv": ["python", "train.py"]}, "world_size": 1}) as writer:
        for step in range(_STEPS):
            for at, (phase, kind, what, moves) in enumerate(_EVENTS):
                other = since is not None and step >= since and kind == "parameters"
                found = xxh3_128_digest(repr((at, step if moves else 0, other)).encode())
                writer.event(step, phase, writer.series(kind, what), found)
            writer.end_step(step, loss=1.0)
    return path
