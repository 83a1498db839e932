"""A run beside the bare loop: what a step costs with nothing to save, and what resuming costs late in an epoch."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import samerun
from benchmarks.harness import Comparison, Target
from samerun.checkpoint import Store

_STEPS = 10**7
_SAMPLED = 2_000


def rows() -> list[Comparison]:
    """Return the rows about a step without a save, and about resuming at both ends of an epoch."""
    return [_step("stream"), _step("global"), _resuming()]


def _step(rng: Any) -> Comparison:
    run = samerun.Run(_folder() / "run", seed=42, rng=rng, on_environment_change="ignore")
    ours, theirs = _loader(f"ours, {rng}"), _loader(f"theirs, {rng}")
    run.track(loader=ours)
    return Comparison(
        f"a step of run.batches(loader), rng={rng!r}, nothing to save",
        "for batch in loader",
        lambda: _per_step(run.batches(ours, steps=_STEPS)),
        lambda: _per_step(theirs),
        Target("added", 100e-6),
    )


def _resuming() -> Comparison:
    folder = _folder()
    early, late = 10, _STEPS - 10
    _stopped_at(folder / "early", early)
    _place(folder / "early", folder / "late", early, late)
    return Comparison(
        f"first batch of a run resumed at step {late:,}",
        f"at step {early}",
        partial(_first_batch, folder / "late"),
        partial(_first_batch, folder / "early"),
        Target("ratio", 1.1),
        rounds=25,
    )


def _loader(name: str) -> samerun.DataLoader[int]:
    return samerun.DataLoader(range(_STEPS), shuffle=True, seed=42, name=name)  # type: ignore[arg-type]


def _per_step(batches: Iterable[Any]) -> float:
    """Return the seconds of a step, after the first, which is begun with."""
    iterator = iter(batches)
    next(iterator)
    start = perf_counter()
    for _ in islice(iterator, _SAMPLED):
        pass
    return (perf_counter() - start) / _SAMPLED  # the iterator goes, which ends the loop


def _stopped_at(directory: Path, step: int) -> None:
    run = samerun.Run(directory, seed=42, save_every=step)
    loader = _loader("train")
    run.track(loader=loader)
    with closing(iter(run.batches(loader))) as batches:  # type: ignore[type-var]
        for _ in islice(batches, step + 1):
            pass
    run.close()


def _place(source: Path, target: Path, early: int, late: int) -> None:
    """Copy a checkpoint, and say that it is of a later step; to go there would take minutes."""
    found = Store(source).load(early)
    loader, place = found.state["tracked"]["loader"], dict(found.meta["run"])
    loader.update(samples=late, taken=late)
    place.update(step=late, taken=late)
    target.mkdir()
    Store(target).save(late, found.state, {**found.meta, "run": place})
    shutil.copy(source / "metrics.jsonl", target)


def _first_batch(directory: Path) -> float:
    start = perf_counter()
    run = samerun.Run(directory, seed=42, on_environment_change="ignore")
    loader = _loader("train")
    run.track(loader=loader)
    with closing(iter(run.batches(loader))) as batches:  # type: ignore[type-var]
        next(batches)
        seconds = perf_counter() - start
    run.close()
    return seconds


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="samerun-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
