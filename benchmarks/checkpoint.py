"""Saving and loading 400 MB of parameters in 200 tensors, as the training, the disk and the resuming process see it."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch
from torch.distributed.checkpoint.state_dict_saver import async_save

from benchmarks.harness import Comparison, Sampler, Target
from samerun.checkpoint import Keep, Store, Writer

_TENSORS, _SIZE = 200, 500_000  # float32: 2 MB each
_ROUNDS = 9


def rows() -> list[Comparison]:
    """Return the rows about waiting for a save, its way to the disk, and loading with the integrity check."""
    state = {f"layer.{number}.weight": torch.randn(_SIZE) for number in range(_TENSORS)}
    return [_blocking(state), _durable(state), _load(state)]


def _blocking(state: dict[str, torch.Tensor]) -> Comparison:
    folder = _folder()
    writer = Writer(Store(folder / "ours"), keep=Keep(newest=1))
    steps = iter(range(10**9))

    def ours() -> float:
        seconds = _timed(lambda: writer.save(next(steps), state))
        writer.wait()
        return seconds

    def theirs() -> float:
        target = folder / "theirs"
        shutil.rmtree(target, ignore_errors=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that there is one process only
            start = perf_counter()
            pending = async_save(state, checkpoint_id=target)
            seconds = perf_counter() - start
            pending.result()  # type: ignore[union-attr]
        return seconds

    limit = Target("ratio", 1 / 3)
    return Comparison("Writer.save, 400 MB, until it returns", "dcp.async_save", ours, theirs, limit, _ROUNDS)


def _durable(state: dict[str, torch.Tensor]) -> Comparison:
    folder = _folder()
    store = Store(folder / "ours")
    store.save(1, state)

    def ours() -> float:
        # Both sides write into the memory that their own former file gave back.
        store.delete(1)
        return _timed(lambda: store.save(1, state))

    def theirs() -> float:
        path = folder / "theirs.pt"
        path.unlink(missing_ok=True)
        return _timed(lambda: _torch_save(state, path))

    limit = Target("ratio", 1)
    return Comparison("Store.save, 400 MB, on the disk", "torch.save + fsync", ours, theirs, limit, _ROUNDS)


def _load(state: dict[str, torch.Tensor]) -> Comparison:
    folder = _folder()
    store = Store(folder / "ours")
    store.save(0, state)
    path = folder / "theirs.pt"
    _torch_save(state, path)
    ours = _sampler(lambda: _touch(store.load(0).state))
    theirs = _sampler(lambda: _touch(torch.load(path, mmap=True)))
    limit = Target("ratio", 1.5)
    return Comparison("Store.load, 400 MB, verified", "torch.load(mmap=True)", ours, theirs, limit, 25)


def _torch_save(state: dict[str, torch.Tensor], path: Path) -> None:
    with path.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def _touch(state: dict[str, torch.Tensor]) -> None:
    """Read a byte of every page, without which a file that is mapped was not loaded."""
    for tensor in state.values():
        tensor.view(torch.uint8)[::4096].sum()


def _folder() -> Path:
    """Return a new folder, which goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="samerun-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "ours").mkdir()
    return folder


def _timed(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def _sampler(call: Callable[[], object]) -> Sampler:
    def sample() -> float:
        gc.collect()  # unmapping what the last sample loaded is not part of this one
        return _timed(call)

    return sample
