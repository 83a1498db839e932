from __future__ import annotations

import copy
import itertools
import os
import random
import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DistributedSampler, StackDataset, Subset

from draws import bare_states
from noisy import (
    ByLength,
    Counted,
    Late,
    Lazily,
    Lazy,
    LazyMixUp,
    Noisy,
    NoisyBatches,
    Private,
    PrivateMixUp,
    StatefulSampler,
    Stream,
    bits,
    mix_up,
)
from samerun import DataLoader
from samerun.errors import LoaderError
from samerun.rng.registry import global_sources

pytestmark = pytest.mark.filterwarnings("ignore:two loaders have seed")


def loader_of(dataset, **arguments):
    return DataLoader(dataset, **{"batch_size": 4, "seed": 1, **arguments})


# --- explain


def test_it_lists_what_is_keyed_by_path_and_what_it_is_keyed_by():
    found = loader_of(Private(), collate_fn=PrivateMixUp(), shuffle=True).explain()
    assert {*global_sources(), "dataset.python", "dataset.shared.<Shared>.R", "collate_fn.generator"} <= set(
        found.keyed
    )
    assert set(found.keyed.values()) == {"item (epoch, ordinal)"}
    assert found.unkeyed == ()
    assert "permutation chosen by (seed, name, epoch)" in found.order
    text = str(found)
    assert all(name in text for name in found.keyed)
    assert "note: collate_fn is keyed by batch" in text


def test_it_says_what_is_left_out():
    found = loader_of(Noisy(), rngs="torch").explain()
    assert set(found.unkeyed) == {name for name in global_sources() if not name.startswith("torch")}
    assert "not keyed; a draw is an error" in str(found)


@pytest.mark.parametrize(
    ("dataset", "arguments", "whole"),
    [
        (NoisyBatches(), {}, True),
        (Subset(NoisyBatches(), range(5)), {}, True),
        (StackDataset(Noisy(), NoisyBatches()), {}, True),
        (StackDataset(a=NoisyBatches()), {}, True),
        (NoisyBatches(), {"batch_size": None}, False),
        (Noisy(), {}, False),
        (Subset(Noisy(), range(5)), {}, False),
        (StackDataset(Noisy(), Noisy()), {}, False),
    ],
)
def test_it_says_that_datasets_that_make_batches_are_keyed_by_batch(dataset, arguments, whole):
    found = loader_of(dataset, **arguments).explain()
    assert set(found.keyed.values()) == {"batch (epoch, first ordinal)" if whole else "item (epoch, ordinal)"}
    assert any("__getitems__" in note for note in found.notes) == whole


def test_it_says_where_the_order_comes_from_and_what_is_not_drawn_from():
    assert loader_of(Noisy()).explain().order == "0, 1, 2, ..., entered anywhere at once"
    assert "Counted, iterated in a stream" in loader_of(Noisy(), sampler=Counted(9, 9)).explain().order
    assert "shard" in loader_of(Stream()).explain().order
    notes = loader_of(Noisy(), shuffle=True, generator=torch.Generator()).explain().notes
    assert any("generator= is not drawn from" in note for note in notes)


# --- check


class Urandom(Noisy):
    def __getitem__(self, index):
        return {"index": torch.tensor(index), "noise": torch.tensor(list(os.urandom(4)))}


class Clock(Noisy):
    def __getitem__(self, index):
        return index, float(time.perf_counter_ns())


class Fresh(Noisy):
    def __getitem__(self, index):
        return np.random.default_rng().normal()


class Counting(Noisy):
    count = 0

    def __getitem__(self, index):
        self.count += 1
        return self.count


class Process(Noisy):
    def __getitem__(self, index):
        return os.getpid()


class Cached(Noisy):
    def __init__(self):
        super().__init__()
        self.cache = {}

    def __getitem__(self, index):
        if index not in self.cache:
            self.cache[index] = random.random()
        return self.cache[index]


@dataclass
class Row:
    index: int
    values: list


class Rows(Noisy):
    def __getitem__(self, index):
        return Row(
            index, [random.random(), torch.rand(2), np.random.random_sample(3), None, "text", SimpleNamespace(a=1)]
        )


class Noisier(Rows):
    def __getitem__(self, index):
        row = super().__getitem__(index)
        row.values[1] = torch.tensor(list(os.urandom(4)))
        return row


@pytest.mark.parametrize(
    "dataset", [Noisy(), Private(), NoisyBatches(), Lazy(), Rows()], ids=lambda one: type(one).__name__
)
def test_a_dataset_whose_draws_are_all_keyed_passes(dataset):
    collate = list if isinstance(dataset, Rows) else mix_up
    report = loader_of(dataset, collate_fn=collate, shuffle=True).check()
    assert report, str(report)
    assert report.findings == ()
    assert "the same bits again" in str(report)
    assert report.items >= 16


@pytest.mark.parametrize(
    ("dataset", "field", "when"),
    [
        (Urandom(), "['noise']", "made a second time"),
        (Clock(), "[1]", "made a second time"),
        (Fresh(), "", "made a second time"),
        (Counting(), "", "made a second time"),
        (Process(), "", "made in another process"),
        (Cached(), "", "made in another process"),
        (Noisier(), ".values[1]", "made a second time"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Noisy) else str(value),
)
def test_hidden_randomness_is_found_and_named_by_item_and_field(dataset, field, when):
    report = loader_of(dataset, shuffle=True, collate_fn=len).check(items=5)
    assert not report
    # The batches that differ because their items do are not named on top.
    assert {found.field for found in report.findings} == {field}
    assert {found.when for found in report.findings} == {when}
    assert len(report.findings) == report.items
    assert report.findings[0].what.startswith("item 0 (index ")
    assert f"  {when}: " in str(report)
    assert str(report).count(report.findings[0].cause) == 1


def test_a_collate_function_with_hidden_randomness_is_found():
    report = loader_of(
        Noisy(), collate_fn=lambda items: os.urandom(4), multiprocessing_context="fork", num_workers=1
    ).check(4)
    assert [found.what for found in report.findings] == ["the batch from item 0 on"]


def test_a_generator_that_is_made_too_late_to_be_keyed_is_found():
    # One that comes into being behind a process's first batch; see the list of what is not covered.
    with pytest.raises(LoaderError, match=r"dataset\.generator: came into being after the first batch"):
        loader_of(Late(12)).check(items=12)


def test_checking_leaves_generators_and_epochs_alone():
    loader = loader_of(Private(), shuffle=True, collate_fn=PrivateMixUp())
    before, state = bare_states(), loader.state_dict()
    loader.check()
    assert bare_states() == before
    assert loader.state_dict() == state


def test_a_check_of_a_source_that_is_left_out_says_so():
    with pytest.raises(LoaderError, match="drew from it"):
        loader_of(Noisy(), rngs="torch").check()


def test_a_check_takes_at_least_one_item_and_at_most_an_epoch():
    assert loader_of(Noisy(6)).check(items=1).items == 4
    assert loader_of(Noisy(6)).check(items=100).items == 6
    with pytest.raises(ValueError, match="items must be 1 or more, not 0"):
        loader_of(Noisy()).check(items=0)


class Dies(Noisy):
    parent = os.getpid()

    def __getitem__(self, index):
        if os.getpid() != self.parent:
            os._exit(7)
        return index


def test_a_process_that_dies_is_told():
    with pytest.raises(LoaderError, match="ended with code 7"):
        loader_of(Dies()).check()


# --- reproduce


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"shuffle": True},
        {"shuffle": True, "batch_size": None},
        {"sampler": Counted(24, 20)},
        {"sampler": StatefulSampler(24, 20)},
        {"batch_sampler": ByLength(24), "batch_size": 1},
        {"shuffle": True, "drop_last": True, "batch_size": 7},
    ],
    ids=lambda arguments: " ".join(arguments) or "plain",
)
@pytest.mark.parametrize("kind", [Noisy, Private, NoisyBatches])
def test_every_item_can_be_made_again(kind, arguments):
    loader = loader_of(kind(), collate_fn=list, **copy.deepcopy(arguments))
    loader.set_epoch(1)
    whole = []
    for batch in loader:
        whole += [batch] if loader.batch_size is None and loader.batch_sampler is None else batch
    if loader.batch_sampler is None:
        whole = [torch.stack(item) if isinstance(item, list) else item for item in whole]
    before = bare_states()
    for ordinal, item in enumerate(whole):
        assert bits(loader.reproduce(1, ordinal)) == bits(item), ordinal
    assert bare_states() == before
    assert bits(loader.reproduce(0, 3)) != bits(whole[3])


def test_items_of_other_ranks_can_be_made_too():
    ranks = [loader_of(Noisy(), rank=rank, world_size=2, collate_fn=list) for rank in (0, 1)]
    items = [[item for batch in loader for item in batch] for loader in ranks]
    for rank, place in itertools.product((0, 1), range(12)):
        assert bits(ranks[0].reproduce(0, 2 * place + rank)) == bits(items[rank][place])


def test_but_not_those_a_distributed_sampler_gives_to_others():
    loader = loader_of(Noisy(), sampler=DistributedSampler(range(24), 2, 1))
    loader.reproduce(0, 1)
    with pytest.raises(IndexError, match="epoch 0 has no item 2 that can be reached from this rank"):
        loader.reproduce(0, 2)


@pytest.mark.parametrize(("arguments", "ordinal"), [({}, 24), ({}, -1), ({"batch_size": 7, "drop_last": True}, 23)])
def test_items_that_are_not_in_the_epoch_are_refused(arguments, ordinal):
    with pytest.raises(IndexError, match=f"no item {ordinal}"):
        loader_of(Noisy(), **arguments).reproduce(0, ordinal)


def test_an_item_of_an_endless_sampler_can_be_made():
    loader = loader_of(Noisy(), sampler=Lazily(24), collate_fn=list)
    items = [item for batch in itertools.islice(loader, 5) for item in batch]
    assert bits(loader.reproduce(0, 17)) == bits(items[17])


def test_lazily_made_generators_are_keyed_for_a_single_item_too():
    items = [item for batch in loader_of(Lazy(), collate_fn=list) for item in batch]
    assert bits(loader_of(Lazy()).reproduce(0, 9)) == bits(items[9])
    LazyMixUp()


def test_it_lists_the_generators_inside_a_sampler():
    sampler = torch.utils.data.RandomSampler(range(12), replacement=True, generator=torch.Generator())
    explanation = loader_of(Noisy(), sampler=sampler).explain()
    assert explanation.keyed["sampler.generator"] == "epoch"
    assert "sampler.generator" not in loader_of(Noisy(), shuffle=True).explain().keyed
