from __future__ import annotations

import random
from random import seed as imported

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader as TorchDataLoader

import samerun
from noisy import Noisy
from samerun.errors import RunError

pytestmark = pytest.mark.filterwarnings("ignore:two loaders have seed")


class Seeding(Noisy):
    def __getitem__(self, index):
        torch.manual_seed(index)
        return super().__getitem__(index)


SEEDINGS = {
    "random.seed": lambda: random.seed(1),
    "numpy.random.seed": lambda: np.random.seed(1),
    "torch.random.manual_seed": lambda: torch.random.manual_seed(1),
    "torch.manual_seed": lambda: torch.manual_seed(1),
    "torch.seed": lambda: torch.seed(),
    f"{__name__}.imported": lambda: imported(1),
    "samerun.seed_everything": lambda: samerun.seed_everything(1),
}


def inside(tmp_path, body, loader=None, **arguments):
    run = samerun.Run(tmp_path, seed=1, **arguments)
    try:
        for _ in run.batches(samerun.DataLoader(Noisy(2), seed=1) if loader is None else loader):
            body()
    finally:
        run.close()


@pytest.mark.parametrize("rng", ["stream", "global"])
@pytest.mark.parametrize("name", SEEDINGS)
def test_seeding_inside_the_run_is_refused_and_says_where(tmp_path, name, rng):
    line = SEEDINGS[name].__code__.co_firstlineno
    with pytest.raises(RunError) as refused:
        inside(tmp_path, SEEDINGS[name], rng=rng)
    assert refused.value.where == f"{__file__}:{line}"
    assert refused.value.reason.startswith(f"{name} was called inside the run")
    SEEDINGS[name]()  # not any more


@pytest.mark.parametrize("rng", ["stream", "global"])
def test_it_is_allowed_where_it_does_no_harm(tmp_path, rng):
    def isolated():
        with samerun.isolate():
            for seed in SEEDINGS.values():
                seed()

    inside(tmp_path, isolated, rng=rng)
    for workers in (0, 1):
        loader = samerun.DataLoader(Seeding(2), seed=1, num_workers=workers)
        inside(tmp_path / str(workers), lambda: None, loader, rng=rng)


def test_plain_workers_may_seed_too(tmp_path):
    inside(tmp_path, lambda: list(TorchDataLoader(Seeding(2), num_workers=1)))


def test_the_names_come_back(tmp_path):
    before = random.seed, imported, torch.manual_seed, torch.random.manual_seed, np.random.seed
    inside(tmp_path, lambda: None)
    assert (random.seed, imported, torch.manual_seed, torch.random.manual_seed, np.random.seed) == before
