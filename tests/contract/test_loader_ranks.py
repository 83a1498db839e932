"""The contract of the loader on several ranks."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
from collections import Counter
from itertools import chain

import pytest
from torch.utils.data import (
    DistributedSampler,
)

from loading import environment, items_of
from noisy import (
    ByLength,
    Counted,
    Noisy,
    bits,
)
from samerun import DataLoader
from samerun.errors import StateError

# Loaders of one seed and name share their draws, which is what is compared here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:two loaders have seed"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # more workers than there are cores
]


# --- ranks


def by_step(world_size, total=12, epoch=0, start=None, waive=(), **arguments):
    """The items of all ranks together at each step of an epoch."""
    steps = []
    for rank in range(world_size):
        batch = {"batch_size": total // world_size} if "batch_sampler" not in arguments else {}
        loader = DataLoader(
            **{
                "dataset": Noisy(30),
                "collate_fn": list,
                "seed": 5,
                **batch,
                "rank": rank,
                "world_size": world_size,
                **arguments,
            }
        )
        loader.set_epoch(epoch)
        if start is not None:
            loader.load_state_dict(start, waive=waive)
        for step, items in enumerate(loader):
            steps += [Counter()] if step == len(steps) else []
            steps[step].update(map(bits, items))
    return steps


def state_after(count, world_size, total=12, rank=0, **arguments):
    loader = DataLoader(
        **{
            "dataset": Noisy(30),
            "collate_fn": list,
            "seed": 5,
            "batch_size": total // world_size,
            "rank": rank,
            "world_size": world_size,
            **arguments,
        }
    )
    batches = iter(loader)
    for _ in range(count):
        next(batches)
    return loader.state_dict()


@pytest.mark.parametrize("epoch", [0, 1])
@pytest.mark.parametrize(
    "arguments", [{"shuffle": True}, {}, {"sampler": Counted(30, 30)}], ids=["shuffled", "in order", "sampler"]
)
def test_the_global_batch_of_each_step_is_the_same_on_any_number_of_ranks(arguments, epoch):
    alone = by_step(1, epoch=epoch, uneven="short", **arguments)
    assert [sum(step.values()) for step in alone] == [12, 12, 6]
    for world_size in (2, 3, 4):
        for uneven in ("short", "pad", "drop"):
            found = by_step(world_size, epoch=epoch, uneven=uneven, **arguments)
            assert found[:2] == alone[:2]
            if uneven == "short":
                assert found == alone
            if uneven == "pad":
                assert found[2] >= alone[2]
                assert sum(found[2].values()) == -(-6 // world_size) * world_size
            if uneven == "drop":
                assert found[2] <= alone[2]
                assert sum(found[2].values()) == 6 // world_size * world_size


def test_with_drop_last_no_rank_has_an_incomplete_batch():
    for world_size in (1, 2, 3, 4):
        assert [sum(step.values()) for step in by_step(world_size, shuffle=True, drop_last=True)] == [12, 12]


def test_workers_and_ranks_together():
    assert by_step(2, shuffle=True, num_workers=1) == by_step(1, shuffle=True, uneven="short")


@pytest.mark.parametrize("other", [1, 2, 4])
def test_resume_on_another_number_of_ranks_loses_and_repeats_nothing(other):
    for sampler in ({"shuffle": True}, {"sampler": Counted(30, 30)}):
        whole = by_step(1, uneven="short", **sampler)
        states = [state_after(1, 3, rank=rank, **sampler) for rank in range(3)]
        assert states[0] == states[1] == states[2]
        assert by_step(other, start=states[0], uneven="short", **sampler) == whole[1:]


def test_resume_with_another_global_batch_size_too_if_that_is_waived():
    whole = by_step(1, uneven="short", shuffle=True)
    state = state_after(1, 3, shuffle=True)
    with pytest.raises(StateError, match="batch_size: found 12, expected 8; it counts the samples of all ranks"):
        by_step(2, total=8, start=state, shuffle=True)
    rest = by_step(2, total=8, start=state, shuffle=True, waive=["batch_size"], uneven="short")
    assert sum(rest, Counter()) == sum(whole[1:], Counter())


def test_a_distributed_sampler_deals_out_by_itself():
    def ranked(world_size):
        steps = []
        for rank in range(world_size):
            sampler = DistributedSampler(range(24), world_size, rank, seed=3)
            loader = DataLoader(Noisy(), 12 // world_size, sampler=sampler, collate_fn=list, seed=5)
            for step, items in enumerate(loader):
                steps += [Counter()] if step == len(steps) else []
                steps[step].update(map(bits, items))
        return steps

    assert ranked(1) == ranked(2) == ranked(3) == ranked(4)


def test_a_batch_sampler_s_batches_are_dealt_out_whole():
    alone = by_step(1, batch_sampler=ByLength(30))
    for world_size in (2, 3):
        found = by_step(world_size, batch_sampler=ByLength(30), uneven="short")
        assert found == [
            sum(alone[first : first + world_size], Counter()) for first in range(0, len(alone), world_size)
        ]


def test_ranks_come_from_the_environment_when_the_loader_is_iterated(monkeypatch):
    loader = DataLoader(Noisy(), batch_size=12, collate_fn=list, seed=5)
    alone = items_of(loader)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    loader.set_epoch(0)
    assert items_of(loader) == alone[1::2]


RANK = """
import hashlib, sys
import torch.distributed as dist
from noisy import Noisy, bits
from samerun import DataLoader
rank, address = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
loader = DataLoader(Noisy(30), 6, shuffle=True, collate_fn=list, seed=5, num_workers=1)
print([[hashlib.sha256(bits(item)).hexdigest() for item in items] for items in loader])
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_real_processes_of_torch_distributed(tmp_path):
    command = [sys.executable, "-c", RANK]
    address = (tmp_path / "store").as_uri()
    processes = [
        subprocess.Popen([*command, str(rank), address], stdout=subprocess.PIPE, text=True, env=environment())
        for rank in range(2)
    ]
    ranks = [ast.literal_eval(process.communicate(timeout=100)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    whole = by_step(1, shuffle=True, uneven="short")
    for step, found in enumerate(zip(*ranks, strict=True)):
        assert Counter(chain(*found)) == Counter(hashlib.sha256(item).hexdigest() for item in whole[step].elements())


@pytest.mark.parametrize("sampler", [None, list(range(10))])
def test_ranks_that_get_fewer_wait_at_the_same_place_for_those_that_get_more(sampler):
    def states(batches):
        found = []
        for rank in range(4):
            how = {"rank": rank, "world_size": 4, "uneven": "short", "name": f"{batches} {rank} {sampler}"}
            loader = DataLoader(Noisy(10), seed=1, sampler=sampler, **how)
            iterator = iter(loader)
            found.append({**[(next(iterator, None), loader.state_dict()) for _ in range(batches)][-1][1], "name": ""})
        return found

    assert all(state == states(2)[0] for state in states(2))
    assert (states(2)[3]["epoch"], states(2)[3]["samples"]) == (0, 8)
    # The control: once the last were made somewhere, those who made them are in the next epoch.
    assert (states(3)[0]["epoch"], states(3)[0]["samples"]) == (1, 0)
