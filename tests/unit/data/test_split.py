from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

from samerun.data.split import Split, check_uneven, ranks

WORLDS = st.integers(1, 7)
SAMPLES = st.integers(0, 50)
FIRST = st.integers(0, 1000)


def dealt(first, samples, world_size, uneven):
    return [Split(rank, world_size, uneven).ordinals(first, samples) for rank in range(world_size)]


@given(FIRST, SAMPLES, WORLDS)
def test_pad_gives_every_rank_as_many_and_every_sample_once(first, samples, world_size):
    parts = dealt(first, samples, world_size, "pad")
    assert len({len(part) for part in parts}) == 1
    together = sorted(ordinal for part in parts for ordinal in part)
    assert together == list(range(first, first + len(together)))
    assert samples <= len(together) < samples + world_size


@given(FIRST, SAMPLES, WORLDS)
def test_drop_gives_every_rank_as_many_and_leaves_out_less_than_one_each(first, samples, world_size):
    parts = dealt(first, samples, world_size, "drop")
    together = sorted(ordinal for part in parts for ordinal in part)
    assert len({len(part) for part in parts}) == 1
    assert together == list(range(first, first + samples // world_size * world_size))


@given(FIRST, SAMPLES, WORLDS)
def test_short_gives_every_sample_once(first, samples, world_size):
    parts = dealt(first, samples, world_size, "short")
    assert sorted(ordinal for part in parts for ordinal in part) == list(range(first, first + samples))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(SAMPLES, WORLDS, st.sampled_from(["pad", "drop", "short"]))
def test_the_count_is_that_of_the_ordinals(samples, world_size, uneven):
    for rank in range(world_size):
        split = Split(rank, world_size, uneven)
        assert split.count(samples) == len(split.ordinals(0, samples))


@given(st.integers(1, 50), WORLDS, st.sampled_from([("pad", False), ("drop", True)]))
def test_it_deals_out_as_the_sampler_of_torch_does(samples, world_size, choice):
    uneven, drop_last = choice
    for rank in range(world_size):
        sampler = DistributedSampler(range(samples), world_size, rank, shuffle=False, drop_last=drop_last)
        ours = [ordinal % samples for ordinal in Split(rank, world_size, uneven).ordinals(0, samples)]
        assert ours == list(sampler)


def test_unknown_choices_are_refused():
    check_uneven("pad")
    with pytest.raises(ValueError, match="'pad', 'drop', 'short', not 'cut'"):
        check_uneven("cut")


# --- which rank this is


def test_what_is_given_counts_first(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert ranks(1, 2) == (1, 2)
    assert ranks(None, None) == (3, 4)
    assert ranks(0, None) == (0, 4)
    assert ranks(None, 8) == (3, 8)


def test_alone_without_an_environment(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert ranks(None, None) == (0, 1)


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (5, 3)])
def test_ranks_outside_the_world_are_refused(rank, world_size):
    with pytest.raises(ValueError, match=f"is {rank} with world_size {world_size}"):
        ranks(rank, world_size)


def test_a_world_has_somebody_in_it():
    with pytest.raises(ValueError, match="world_size must be 1 or more, not 0"):
        ranks(0, 0)


def test_a_variable_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("RANK", "x")
    with pytest.raises(ValueError, match="environment variable RANK is 'x'"):
        ranks(None, None)


PROCESS = """
import torch.distributed as dist
from samerun.data.split import ranks
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
print(ranks(None, None))
dist.destroy_process_group()
"""


def test_torch_distributed_counts_before_the_environment(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    run = subprocess.run([sys.executable, "-c", PROCESS], capture_output=True, text=True, check=True)
    assert run.stdout == "(0, 1)\n"
