"""A few lines for each experiment that show it by hand, in a notebook."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BY_HAND"]

# Workers are forked, because what is defined in a notebook cannot be imported by those that are not.
_NUMBERS = """\
import random

import numpy as np
from torch.utils.data import DataLoader, Dataset


class Numbers(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return random.random(), float(np.random.rand())


workers = {"batch_size": None, "num_workers": 2, "multiprocessing_context": "fork"}"""

#: The cells of each experiment, by its name.
BY_HAND: Mapping[str, tuple[str, ...]] = {
    "generator-states": (
        """\
import random

random.seed(42)
state = random.getstate()
peek = random.random()
random.setstate(state)
assert random.random() == peek""",
    ),
    "worker-seeds": (
        """\
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info


class Seeds(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return get_worker_info().seed


torch.manual_seed(42)
base_seed = torch.empty((), dtype=torch.int64).random_().item()

torch.manual_seed(42)
seeds = list(DataLoader(Seeds(), batch_size=None, num_workers=2, multiprocessing_context="fork"))
assert seeds == [base_seed, base_seed + 1]
seeds""",
    ),
    "same-worker-seed": (
        _NUMBERS,
        """\
numbers = list(DataLoader(Numbers(), worker_init_fn=lambda _: random.seed(0), **workers))
python = [number for number, _ in numbers]
assert python[0::2] == python[1::2]  # worker 0 and worker 1
numbers""",
    ),
    "resume-epoch": (
        """\
import torch
from torch.utils.data import DataLoader


def epoch():
    return [int(index) for index in DataLoader(range(8), shuffle=True)]


torch.manual_seed(42)
first = epoch()
state = torch.get_rng_state()
second = epoch()

torch.manual_seed(42)
assert epoch() == first  # the seed brings the beginning back
torch.set_rng_state(state)
assert epoch() == second  # the state goes on
first, second""",
    ),
    "resume-workers": (
        _NUMBERS,
        """\
import torch

for persistent in (False, True):
    torch.manual_seed(42)
    loader = DataLoader(Numbers(), persistent_workers=persistent, **workers)
    first, state, second = list(loader), torch.get_rng_state(), list(loader)

    torch.set_rng_state(state)  # another process that goes on with the second epoch
    resumed = list(DataLoader(Numbers(), persistent_workers=persistent, **workers))
    assert (resumed == second) == (not persistent)
    print(f"persistent_workers={persistent}: {'same' if resumed == second else 'another epoch'}")""",
    ),
    "worker-count": (
        _NUMBERS,
        """\
import samerun


def epoch(loader, count):
    samerun.seed_everything(42)
    arguments = {**workers, "num_workers": count} if count else {"batch_size": None}
    return list(loader(Numbers(), **arguments))


assert epoch(DataLoader, 0) != epoch(DataLoader, 1) != epoch(DataLoader, 2)
assert epoch(samerun.DataLoader, 0) == epoch(samerun.DataLoader, 1) == epoch(samerun.DataLoader, 2)""",
    ),
    "notebook-cells": (
        """\
%load_ext samerun
import torch

torch.manual_seed(42)
expected = torch.rand(3)

torch.manual_seed(42);""",
        """\
%%isolate
torch.rand(1000).mean()""",
        """\
assert torch.equal(torch.rand(3), expected)""",
        """\
%rng journal""",
    ),
    "one-integer": (
        """\
import numpy as np
import torch

np.random.seed(42)
torch.manual_seed(42)
x, y = np.random.randint(0, 32, 10), torch.randint(0, 32, (10,))
assert x.tolist() == y.tolist()
print(x, y)""",
        """\
from samerun.derive import derive

assert 41 + 1 == 42 + 0  # seed 41, rank 1 and seed 42, rank 0
derive(41, "rank", 1), derive(42, "rank", 0)""",
    ),
    "arithmetic": (
        """\
import torch

assert (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)

torch.manual_seed(42)
x, threads = torch.rand(1_000_000) - 0.5, torch.get_num_threads()
for number in (1, 2, 3, 4):
    torch.set_num_threads(number)
    print(number, x.sum().item())
torch.set_num_threads(threads)""",
    ),
    "hash-seed": (
        """\
import os
import subprocess
import sys


def run(program, **variables):
    environment = {**os.environ, **variables}
    return subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)


late = "import os; os.environ['PYTHONHASHSEED'] = '42'; print(hash('cat'))"
assert run(late, PYTHONHASHSEED="random") != run(late, PYTHONHASHSEED="random")
early = "print(hash('cat'))"
assert run(early, PYTHONHASHSEED="42") == run(early, PYTHONHASHSEED="42")""",
    ),
    "numpy-duplicates": (
        _NUMBERS,
        """\
state = np.random.get_state()  # what a fork copies, and old versions of torch left as it is
loader = DataLoader(Numbers(), worker_init_fn=lambda _: np.random.set_state(state), **workers)
first, second = ([number for _, number in loader] for epoch in range(2))
assert first[0::2] == first[1::2]  # worker 0 and worker 1
assert first == second
first""",
    ),
    "one-ulp": (
        """\
import torch

# Not a training, but as sensitive to its start: x becomes 3.9 x (1 - x).
x = torch.tensor(0.7)
y = torch.nextafter(x, torch.tensor(1.0))
for step in range(61):
    if step % 10 == 0:
        print(f"{step:2} {x.item():.8f} {y.item():.8f} {abs(x - y).item():.1e}")
    x, y = 3.9 * x * (1 - x), 3.9 * y * (1 - y)""",
    ),
}
