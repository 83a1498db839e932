"""A program that trains, in many ways and with many ends: ``python traced.py WAY``. Prints its bits as JSON."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

import watched


def plain() -> str:
    return watched.plain(epochs=3)


def raises() -> str:
    watched.plain()
    raise ValueError("planted")


def exits() -> str:
    watched.plain()
    sys.exit(3)


def terminated() -> str:
    return killed_by(signal.SIGTERM)


def killed() -> str:
    return killed_by(signal.SIGKILL)


def killed_by(number: signal.Signals) -> str:
    watched.seed()
    model = watched.network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    batches = watched.loader()
    for step in range(100_000):  # for more than a second, after which steps are in the file
        watched.loss_of(model, next(iter(batches))).backward()
        optimizer.step()
        if step == int(os.environ["KILL_AT"]):
            os.kill(os.getpid(), number)
    return "alive"


def child() -> None:
    watched.plain()


def children() -> str:
    """Train in a child of each kind, one after the other, and then here."""
    for method in ("fork", "spawn", "forkserver"):
        process = multiprocessing.get_context(method).Process(target=child)
        process.start()
        process.join()
        assert process.exitcode == 0
    return watched.plain(num_workers=2)


def ranks() -> str:
    dist.init_process_group("gloo")
    watched.seed()
    model = DistributedDataParallel(watched.network())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    data = watched.data()
    for batch in DataLoader(data, batch_size=4, sampler=DistributedSampler(data, seed=1)):
        optimizer.zero_grad()
        watched.loss_of(model, batch).backward()
        optimizer.step()
    dist.destroy_process_group()
    return watched.bits(model)


def nothing() -> str:
    return str(torch.ones(1).item())


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.stdout.write(json.dumps(globals()[sys.argv[1]]()) + "\n")
