"""One contract for the loader: whatever workers, ranks and interruptions, the run is the uninterrupted one."""

from __future__ import annotations

import ast
import copy
import hashlib
import json
import multiprocessing
import os
import pickle
import random
import re
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from functools import cache
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributed.checkpoint.stateful import Stateful
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DistributedSampler,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)
from torch.utils.data import DataLoader as TorchDataLoader
from torch.utils.data.datapipes.iter import IterableWrapper

from draws import bare_states, draw
from noisy import (
    Broken,
    ByLength,
    Counted,
    Held,
    Lazily,
    Lazy,
    LazyMixUp,
    Noisy,
    NoisyBatches,
    OnlyTorch,
    Private,
    PrivateMixUp,
    StatefulSampler,
    Sums,
    bits,
    mix_up,
)
from samerun import DataLoader, exact, seed_everything
from samerun.errors import LoaderError, SamerunWarning, SeedError, StateError

# Loaders of one seed and name share their draws, which is what is compared here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:two loaders have seed"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # more workers than there are cores
]

SIZE, BATCHES, EPOCHS = 24, 5, 3


def augmented(seed):
    """Images through Albumentations 2, whose generators are private."""
    albumentations = pytest.importorskip("albumentations")
    return Augmented(
        albumentations.Compose([albumentations.GaussNoise(p=0.7), albumentations.HorizontalFlip()], seed=seed)
    )


class Augmented(Noisy):
    def __init__(self, transform):
        super().__init__(SIZE)
        self.transform = transform

    def __getitem__(self, index):
        image = np.full((4, 4, 3), index, dtype=np.uint8)
        return torch.from_numpy(self.transform(image=image)["image"].copy())


class Listed(NoisyBatches):
    """Takes lists of indices too, as the datasets of Hugging Face do; torch asks for them where batching is off."""

    def __getitem__(self, index):
        return torch.stack([Noisy.__getitem__(self, one) for one in index])


RECIPES = {
    "in order": lambda: {"dataset": Noisy(), "batch_size": BATCHES},
    "shuffled": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "shuffle": True},
    "drop last": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "shuffle": True, "drop_last": True},
    "whole batches": lambda: {"dataset": NoisyBatches(), "batch_size": BATCHES, "shuffle": True},
    "no batches": lambda: {"dataset": Noisy(6), "batch_size": None, "shuffle": True},
    "batches by the sampler": lambda: {
        "dataset": Listed(),
        "batch_size": None,
        "sampler": [[0, 1, 2], [3], [5, 4, 7, 8]],
    },
    "concatenated": lambda: {"dataset": ConcatDataset([Noisy(9), Noisy(9)]), "batch_size": 4, "shuffle": True},
    "subset": lambda: {"dataset": Subset(Noisy(), range(3, 20)), "batch_size": BATCHES, "shuffle": True},
    "weighted": lambda: {
        "dataset": Noisy(),
        "batch_size": BATCHES,
        "sampler": WeightedRandomSampler(range(1, SIZE + 1), SIZE),
    },
    "subset at random": lambda: {
        "dataset": Noisy(),
        "batch_size": BATCHES,
        "sampler": SubsetRandomSampler(range(0, SIZE, 2)),
    },
    "with replacement": lambda: {
        "dataset": Noisy(),
        "batch_size": BATCHES,
        "sampler": RandomSampler(range(SIZE), replacement=True, generator=torch.Generator()),
    },
    "distributed": lambda: {"dataset": Noisy(), "batch_size": 3, "sampler": DistributedSampler(range(SIZE), 2, 1)},
    "by length": lambda: {"dataset": Noisy(40), "batch_sampler": ByLength(SIZE)},
    "batch sampler of torch": lambda: {
        "dataset": Noisy(),
        "batch_sampler": BatchSampler(RandomSampler(range(SIZE)), BATCHES, drop_last=True),
    },
    "batches in a list": lambda: {"dataset": Noisy(), "batch_sampler": [[3, 4], [5], [9, 8, 7, 9]]},
    "lazy": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "sampler": Lazily(SIZE, SIZE)},
    "with a state": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "sampler": StatefulSampler(SIZE, 22)},
    "list": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "sampler": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]},
    "endless": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "sampler": Lazily(SIZE)},
    "private generators": lambda: {"dataset": Private(), "batch_size": BATCHES, "shuffle": True},
    "a late generator of its own": lambda: {"dataset": Lazy(), "batch_size": BATCHES, "shuffle": True},
    "mix-up": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "shuffle": True, "collate_fn": mix_up},
    "private mix-up": lambda: {"dataset": Private(), "batch_size": BATCHES, "collate_fn": PrivateMixUp()},
    "late mix-up": lambda: {"dataset": Noisy(), "batch_size": BATCHES, "collate_fn": LazyMixUp()},
    "one source": lambda: {"dataset": OnlyTorch(), "batch_size": BATCHES, "shuffle": True, "rngs": "torch"},
    "albumentations": lambda: {"dataset": augmented(None), "batch_size": BATCHES, "shuffle": True},
    "albumentations, seeded": lambda: {"dataset": augmented(5), "batch_size": BATCHES, "shuffle": True},
}
ENDLESS = 6  # batches of an epoch of the sampler that never ends


def build(recipe, **arguments):
    return DataLoader(**{"seed": 42, **RECIPES[recipe](), **arguments})


def walk(loader):
    """The bits of the batches of one epoch."""
    return [bits(batch) for batch in islice(loader, ENDLESS if isinstance(loader.sampler, Lazily) else None)]


def run(recipe, epochs=EPOCHS, **arguments):
    loader = build(recipe, **arguments)
    return [walk(loader) for _ in range(epochs)]


@cache
def reference(recipe):
    """The uninterrupted run, made in this process."""
    return run(recipe)


def stop(recipe, epoch, received, **arguments):
    """The state after some batches of an epoch, by way of JSON."""
    loader = build(recipe, **arguments)
    loader.set_epoch(epoch)
    batches = iter(loader)
    found = [bits(next(batches)) for _ in range(received)]
    assert found == reference(recipe)[epoch][:received]
    return json.loads(json.dumps(loader.state_dict()))


def go_on(recipe, state, **arguments):
    """The rest of the epoch and the epochs behind it, from a state."""
    loader = build(recipe, **arguments)
    loader.load_state_dict(state)
    epochs = []
    while len(epochs) + state["epoch"] < EPOCHS:
        left = ENDLESS - state["taken"] // BATCHES if recipe == "endless" and not epochs else None
        epochs.append([bits(batch) for batch in islice(loader, left)] if left else walk(loader))
    return epochs


def expected(recipe, epoch, received):
    """What go_on gives if all is well."""
    whole = reference(recipe)
    if received == len(whole[epoch]) and recipe != "endless":
        return whole[epoch + 1 :]
    return [whole[epoch][received:], *whole[epoch + 1 :]]


# --- the recipes themselves: what the contract says would be empty if nothing were drawn


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_epochs_differ_and_a_seed_gives_the_same_again(recipe):
    first = reference(recipe)
    assert len({tuple(epoch) for epoch in first}) == EPOCHS
    assert len(set(first[0])) == len(first[0]) > 1
    torch.rand(3)
    random.random()
    assert run(recipe, epochs=1) == first[:1]
    assert run(recipe, epochs=1, seed=43) != first[:1]
    assert run(recipe, epochs=1, name="val") != first[:1]


# --- workers


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow), 3])
def test_the_batches_do_not_depend_on_the_workers(recipe, workers):
    assert run(recipe, epochs=2, num_workers=workers, persistent_workers=workers == 3) == reference(recipe)[:2]


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_workers": 2},
        {"num_workers": 5, "prefetch_factor": 1},
        {"num_workers": 2, "persistent_workers": True, "prefetch_factor": 7},
        {"num_workers": 1, "persistent_workers": True},
        {"num_workers": 2, "multiprocessing_context": "spawn"},
        pytest.param({"num_workers": 2, "multiprocessing_context": "forkserver"}, marks=pytest.mark.slow),
        pytest.param(
            {"num_workers": 1, "multiprocessing_context": "spawn", "persistent_workers": True}, marks=pytest.mark.slow
        ),
    ],
    ids=str,
)
def test_nor_on_how_they_are_run(arguments):
    # The first has a torch.Generator inside, which plain torch cannot send to workers that are not forked.
    for recipe in ("private mix-up",) if "multiprocessing_context" in arguments else ("private mix-up", "shuffled"):
        epochs = 1 if arguments.get("multiprocessing_context") == "spawn" else 3
        assert run(recipe, epochs, **arguments) == reference(recipe)[:epochs]


@pytest.mark.parametrize("workers", [0, 2])
def test_pinning_gives_the_same_batches(workers):
    if not torch.cuda.is_available():
        with pytest.warns(UserWarning, match="pin_memory"):
            assert run("mix-up", 2, num_workers=workers, pin_memory=True) == reference("mix-up")[:2]
    else:
        assert run("mix-up", 2, num_workers=workers, pin_memory=True) == reference("mix-up")[:2]


@pytest.mark.parametrize("workers", [1, 3])
def test_out_of_order_the_batches_are_the_same_ones(workers):
    for epoch, found in enumerate(run("shuffled", 2, num_workers=workers, in_order=False)):
        assert Counter(found) == Counter(reference("shuffled")[epoch])


def test_plain_torch_does_depend_on_the_workers():
    # The negative control.
    def plain(workers):
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)
        return [bits(batch) for batch in TorchDataLoader(Noisy(), batch_size=BATCHES, num_workers=workers)]

    assert plain(0) != plain(2)
    assert plain(2) != plain(3)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_items_of_kernels_whose_bits_depend_on_threads_are_the_same_everywhere(two_threads):
    def batches(kind, workers, **arguments):
        return [bits(batch) for batch in kind(Sums(6), batch_size=2, num_workers=workers, **arguments)]

    ours = batches(DataLoader, 0, seed=1)
    assert ours == batches(DataLoader, 2, seed=1)
    assert torch.get_num_threads() == 2
    if batches(TorchDataLoader, 0) == batches(TorchDataLoader, 2):
        pytest.skip("two threads give the bits of one here, so the test shows nothing")


# --- the training process


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_the_generators_of_the_training_process_are_not_touched(recipe):
    before, threads = bare_states(), torch.get_num_threads()
    loader = build(recipe)
    seen = [bare_states()]
    batches = iter(loader)
    seen.append(bare_states())
    for _ in islice(batches, 3):
        seen.append(bare_states())
    loader.state_dict()
    walk(loader)
    loader.load_state_dict(loader.state_dict())
    next(iter(loader))
    loader.explain()
    assert {*seen, bare_states()} == {before}
    assert torch.get_num_threads() == threads


def test_nor_with_workers(two_threads):
    before = bare_states()
    run("private mix-up", 1, num_workers=2)
    run("lazy", 1, num_workers=1, persistent_workers=True)
    assert bare_states() == before
    assert torch.get_num_threads() == 2


def test_plain_torch_touches_them():
    before = bare_states()
    next(iter(TorchDataLoader(Noisy(), num_workers=0)))
    assert bare_states() != before


def test_they_come_back_when_an_item_fails(two_threads):
    before = bare_states()
    batches = iter(DataLoader(Broken(), batch_size=6, seed=1))
    with pytest.raises(ValueError, match="bad sample 5"):
        next(batches)
    assert bare_states() == before
    assert torch.get_num_threads() == 2


def test_what_the_training_process_draws_does_not_reach_the_items():
    loader = build("shuffled")
    found = []
    for batch in loader:
        found.append(bits(batch))
        draw()
        random.seed(7)
        torch.manual_seed(len(found))
    assert found == reference("shuffled")[0]


def test_private_generators_of_the_training_process_come_back():
    dataset = Private()
    before = dataset.python.getstate(), dataset.generator.bit_generator.state, dataset.torch.get_state().tolist()
    next(iter(DataLoader(dataset, batch_size=4, seed=1)))
    after = dataset.python.getstate(), dataset.generator.bit_generator.state, dataset.torch.get_state().tolist()
    assert before == after


# --- keys


def items_of(loader):
    return [bits(item) for batch in loader for item in batch]


def test_a_sample_drawn_twice_is_augmented_twice():
    loader = DataLoader(Noisy(), batch_size=4, sampler=[7] * 8, seed=1)
    assert len(set(items_of(loader))) == 8


@pytest.mark.parametrize("kind", [Noisy, Private])
def test_an_item_depends_on_its_ordinal_and_index_alone(kind):
    whole = items_of(DataLoader(kind(), batch_size=4, seed=1))
    assert items_of(DataLoader(kind(), batch_size=7, seed=1)) == whole
    for ordinal in (0, 5, 23):
        loader = DataLoader(kind(), batch_size=4, seed=1)
        assert bits(loader.reproduce(0, ordinal)) == whole[ordinal]


def test_workers_and_epochs_never_augment_alike():
    draws = Counter()
    for epoch in range(3):
        loader = DataLoader(Private(), batch_size=4, seed=1, num_workers=2)
        loader.set_epoch(epoch)
        draws.update(value for batch in loader for item in batch for value in item[1:].tolist())
    assert draws.most_common(1)[0][1] == 1


def test_albumentations_in_plain_torch_augments_alike_in_every_worker():
    # The negative control; see the table in the how-to.
    dataset = augmented(5)
    dataset.__class__ = Constant
    drawn = Counter(bits(item) for batch in TorchDataLoader(dataset, batch_size=1, num_workers=2) for item in batch)
    assert max(drawn.values()) > 1
    ours = Counter(bits(item) for batch in DataLoader(dataset, batch_size=1, num_workers=2, seed=1) for item in batch)
    assert sum(count for count in ours.values() if count > 1) < sum(drawn.values()) / 2


class Constant(Augmented):
    def __getitem__(self, index):
        return torch.from_numpy(self.transform(image=np.full((8, 8, 3), 100, dtype=np.uint8))["image"].copy())


def test_mix_up_is_keyed_by_batch():
    mixed = [
        bits(batch) for batch in DataLoader(TensorDataset(torch.ones(24, 2)), batch_size=4, collate_fn=shares, seed=1)
    ]
    assert len(set(mixed)) == 6


def shares(items):
    return np.random.beta(0.4, 0.4)


def test_batches_of_a_dataset_that_makes_them_do_not_depend_on_the_place_where_it_was_resumed():
    state = stop("whole batches", 0, 2)
    assert go_on("whole batches", state, num_workers=1) == expected("whole batches", 0, 2)


# --- states


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_stop_of_an_epoch_resumes(recipe):
    count = len(reference(recipe)[0])
    for received in range(count + (recipe != "endless")):
        assert go_on(recipe, stop(recipe, 0, received)) == expected(recipe, 0, received), received


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(set(RECIPES) - {"endless"})), st.integers(0, 1), st.integers(0, 30), st.integers(0, 30))
def test_a_run_may_be_interrupted_twice_in_an_epoch(recipe, epoch, first, second):
    count = len(reference(recipe)[epoch])
    first, second = sorted((first % (count + 1), second % (count + 1)))
    state = stop(recipe, epoch, first)
    if first < count:
        loader = build(recipe)
        loader.load_state_dict(state)
        batches = iter(loader)
        found = [bits(next(batches)) for _ in range(second - first)]
        assert found == reference(recipe)[epoch][first:second]
        state = json.loads(json.dumps(loader.state_dict()))
    assert go_on(recipe, state) == expected(recipe, epoch, second)


WORKERS = st.fixed_dictionaries(
    {"num_workers": st.integers(1, 3), "persistent_workers": st.booleans(), "prefetch_factor": st.integers(1, 4)}
)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(set(RECIPES) - {"endless"})), st.integers(0, 30), WORKERS, WORKERS | st.just({}))
def test_resume_with_workers_and_with_others(recipe, received, first, second):
    received %= len(reference(recipe)[0]) + 1
    state = stop(recipe, 0, received, **first)
    assert go_on(recipe, state, **second) == expected(recipe, 0, received)


def test_a_state_counts_what_was_received_not_what_was_prefetched():
    loader = build("shuffled", num_workers=2, prefetch_factor=4)
    assert loader.state_dict()["samples"] == 0
    batches = iter(loader)
    assert loader.state_dict()["samples"] == 0
    for received in range(1, 5):
        next(batches)
        assert (loader.state_dict()["epoch"], loader.state_dict()["samples"]) == (0, received * BATCHES)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_end_of_an_epoch_is_the_beginning_of_the_next(workers):
    loader = build("shuffled", num_workers=workers)
    batches = iter(loader)
    for _ in range(len(loader)):
        next(batches)
    at_the_end = loader.state_dict()
    assert next(batches, None) is None
    assert loader.state_dict() == at_the_end
    fresh = build("shuffled")
    fresh.set_epoch(1)
    assert fresh.state_dict() == at_the_end
    iter(loader)
    assert (at_the_end["epoch"], at_the_end["samples"]) == (1, 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_break_ends_the_epoch(workers):
    loader = build("shuffled", num_workers=workers)
    for _ in loader:
        inside = loader.state_dict()
        break
    assert (inside["epoch"], inside["samples"]) == (0, BATCHES)
    assert (loader.state_dict()["epoch"], loader.state_dict()["samples"]) == (1, 0)
    assert walk(loader) == reference("shuffled")[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_iterator_that_is_kept_alive_keeps_the_epoch(workers):
    loader = build("shuffled", num_workers=workers)
    batches = iter(loader)
    for _ in batches:
        break
    assert (loader.state_dict()["epoch"], loader.state_dict()["samples"]) == (0, BATCHES)
    assert [bits(batch) for batch in batches] == reference("shuffled")[0][1:]


@pytest.mark.parametrize("workers", [0, 2])
def test_each_iter_begins_the_next_epoch_and_the_newest_counts(workers):
    loader = build("shuffled", num_workers=workers)
    first, second = iter(loader), iter(loader)
    got = [(bits(next(first)), bits(next(second))) for _ in range(3)]
    assert got == list(zip(reference("shuffled")[0][:3], reference("shuffled")[1][:3], strict=True))
    next(first)
    assert (loader.state_dict()["epoch"], loader.state_dict()["samples"]) == (1, 3 * BATCHES)
    assert [bits(batch) for batch in second] == reference("shuffled")[1][3:]
    assert [bits(batch) for batch in first] == reference("shuffled")[0][4:]
    assert loader.state_dict()["epoch"] == 2


def test_persistent_workers_serve_one_iterator_at_a_time():
    loader = build("shuffled", num_workers=2, persistent_workers=True)
    first = iter(loader)
    next(first)
    second = iter(loader)
    with pytest.raises(LoaderError, match="the iterator over epoch 0: persistent workers make one epoch at a time"):
        next(first)
    assert [bits(batch) for batch in second] == reference("shuffled")[1]


@pytest.mark.parametrize("arguments", [{}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}], ids=str)
def test_a_state_loaded_into_a_living_loader_takes_effect_at_its_next_batch(arguments):
    state = stop("shuffled", 1, 2)
    loader = build("shuffled", **arguments)
    batches = iter(loader)
    next(batches)
    loader.load_state_dict(state)
    assert loader.state_dict() == state
    assert [bits(batch) for batch in batches] == reference("shuffled")[1][2:]
    loader.load_state_dict(state)  # as often as wanted
    assert walk(loader) == reference("shuffled")[1][2:]
    assert walk(loader) == reference("shuffled")[2]


@pytest.mark.parametrize("recipe", ["shuffled", "with a state", "by length"])
def test_a_state_stays_what_it_is_until_a_batch_is_received(recipe):
    state = stop(recipe, 0, 2)
    loader = build(recipe, num_workers=1, prefetch_factor=2)
    loader.load_state_dict(state)
    assert loader.state_dict() == state
    batches = iter(loader)  # asks for the first batches
    assert loader.state_dict() == state
    assert bits(next(batches)) == reference(recipe)[0][2]
    assert loader.state_dict() == stop(recipe, 0, 3)


def test_an_iterator_that_has_given_nothing_yet_goes_to_the_epoch_that_is_chosen():
    # Lightning says which epoch it is after it has called iter.
    loader = build("shuffled")
    batches = iter(loader)
    loader.set_epoch(2)
    assert loader.state_dict()["epoch"] == 2
    assert [bits(batch) for batch in batches] == reference("shuffled")[2]
    batches = iter(loader)
    next(batches)
    loader.set_epoch(0)  # too late for this one
    assert loader.state_dict()["epoch"] == 3
    del batches
    assert walk(loader) == reference("shuffled")[0]


def test_loading_before_and_after_iter_is_the_same():
    state = stop("shuffled", 0, 3)
    loader = build("shuffled")
    batches = iter(loader)
    loader.load_state_dict(state)
    assert [bits(batch) for batch in batches] == reference("shuffled")[0][3:]


def test_rewinding_within_the_running_loop():
    loader = build("shuffled")
    found = []
    state = None
    for batch in loader:
        found.append(bits(batch))
        if len(found) == 2:
            state = loader.state_dict()
        if len(found) == 4:
            loader.load_state_dict(state)
    assert found == [*reference("shuffled")[0][:4], *reference("shuffled")[0][2:]]


def test_set_epoch_chooses_and_keeps_a_position_inside_that_very_epoch():
    loader = build("shuffled")
    loader.set_epoch(2)
    assert walk(loader) == reference("shuffled")[2]
    loader.set_epoch(0)
    assert walk(loader) == reference("shuffled")[0]
    assert walk(loader) == reference("shuffled")[1]
    loader.load_state_dict(stop("shuffled", 1, 2))
    loader.set_epoch(1)
    assert walk(loader) == reference("shuffled")[1][2:]
    loader.load_state_dict(stop("shuffled", 1, 2))
    loader.set_epoch(2)
    assert walk(loader) == reference("shuffled")[2]
    with pytest.raises(ValueError, match="epoch must be 0 or more, not -1"):
        loader.set_epoch(-1)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_state_is_small_json_of_always_the_same_keys_and_changes_nothing(recipe):
    keys = set()
    for arguments in ({}, {"num_workers": 2, "in_order": False, "prefetch_factor": 8}):
        loader = build(recipe, **arguments)
        keys.add(tuple(loader.state_dict()))
        batches = iter(loader)
        for _ in islice(batches, 3):
            before = bare_states()
            first = json.dumps(loader.state_dict())
            assert json.dumps(loader.state_dict()) == first
            assert len(first) < 1024
            assert bare_states() == before
            keys.add(tuple(loader.state_dict()))
    assert len(keys) == 1


def test_asking_for_states_all_the_time_leaves_the_batches_as_they_are():
    for recipe in ("shuffled", "with a state"):
        loader = build(recipe)
        found = []
        for batch in loader:
            states = [loader.state_dict() for _ in range(3)]
            assert states[0] == states[2]
            found.append(bits(batch))
        assert found == reference(recipe)[0]


def test_a_state_is_not_moved_by_what_follows():
    for recipe in ("shuffled", "with a state"):
        loader = build(recipe)
        batches = iter(loader)
        next(batches)
        state = loader.state_dict()
        before = json.dumps(state)
        next(batches)
        assert json.dumps(state) == before
        loader.load_state_dict(state)
        next(batches)
        assert json.dumps(state) == before


def test_the_length_is_always_that_of_the_whole_epoch():
    loader = build("shuffled")
    assert len(loader) == 5
    batches = iter(loader)
    next(batches)
    assert (len(loader), len(batches)) == (5, 5)
    loader.load_state_dict(stop("shuffled", 0, 3))
    assert len(loader) == 5


def test_it_is_stateful_as_distributed_checkpoints_want_it():
    assert isinstance(build("shuffled"), Stateful)


def by_torch(state, folder):
    torch.save(state, folder / "state.pt")
    return torch.load(folder / "state.pt", weights_only=True)


def by_json(state, folder):
    (folder / "state.json").write_text(json.dumps(state))
    return json.loads((folder / "state.json").read_text())


@pytest.mark.parametrize("by_way_of", [by_torch, by_json])
@pytest.mark.parametrize("recipe", ["shuffled", "with a state"])
def test_a_state_survives_files(by_way_of, recipe, tmp_path):
    state = stop(recipe, 0, 3)
    loaded = by_way_of(state, tmp_path)
    assert loaded == state
    assert go_on(recipe, loaded) == expected(recipe, 0, 3)


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
@pytest.mark.parametrize("received", [0, 3, 5])
@pytest.mark.parametrize("recipe", ["shuffled", "with a state", "late mix-up"])
def test_a_loader_goes_through_a_distributed_checkpoint_as_it_is(recipe, received, tmp_path):
    loader = build(recipe)
    batches = iter(loader)
    for _ in range(received):
        next(batches)
    dcp.save({"loader": loader}, checkpoint_id=tmp_path)
    other = build(recipe)
    dcp.load({"loader": other}, checkpoint_id=tmp_path)
    assert other.state_dict() == loader.state_dict()
    assert [walk(other)] == expected(recipe, 0, received)[:1]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda loader: pickle.loads(pickle.dumps(loader))])
def test_a_copy_of_a_loader_goes_on_where_it_is(copied):
    loader = build("shuffled")
    batches = iter(loader)
    next(batches)
    other = copied(loader)
    assert walk(other) == reference("shuffled")[0][1:]
    assert [bits(batch) for batch in batches] == reference("shuffled")[0][1:]


def environment():
    """Let a process import what this one does."""
    here = str(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([here, *filter(None, sys.path)])}


SCRIPT = """
import hashlib, json, sys
from noisy import Private, PrivateMixUp, bits
from samerun import DataLoader
loader = DataLoader(Private(), 5, collate_fn=PrivateMixUp(), seed=42, num_workers=int(sys.argv[1]))
loader.load_state_dict(json.loads(sys.argv[2]))
print([[hashlib.sha256(bits(batch)).hexdigest() for batch in loader] for _ in range(2)])
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fresh_process_goes_on(workers):
    state = stop("private mix-up", 0, 2, num_workers=2 - workers)
    command = [sys.executable, "-c", SCRIPT, str(workers), json.dumps(state)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout
    rest = expected("private mix-up", 0, 2)[:2]
    assert found.strip() == str([[hashlib.sha256(batch).hexdigest() for batch in epoch] for epoch in rest])


def test_plain_torch_does_not_resume():
    # The negative control: the same seeds and as many batches skipped, but what they drew is missing.
    def plain(skip):
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        order = torch.randperm(SIZE).tolist()
        return [bits(batch) for batch in TorchDataLoader(Noisy(), 4, sampler=order[skip * 4 :])]

    assert plain(0)[2:] != plain(2)


# --- out of order


def overtaken(gate, **arguments):
    return DataLoader(
        Held(12, gate), batch_size=2, seed=3, num_workers=2, in_order=False, prefetch_factor=1, **arguments
    )


def test_out_of_order_a_state_holds_what_was_received(tmp_path):
    gate = str(tmp_path / "gate")
    os.mkfifo(gate)
    released = threading.Thread(target=lambda: Path(gate).write_text("go"))
    loader = overtaken(gate)
    batches = iter(loader)
    found = [next(batches) for _ in range(3)]  # while the first item waits, the other worker goes on
    state = json.loads(json.dumps(loader.state_dict()))
    assert state["samples"] == 0
    assert len(state["received"]) == 3
    released.start()
    found += list(batches)
    released.join()
    whole = {int(batch[0, 0]): bits(batch) for batch in found}
    assert len(whole) == 6
    assert loader.state_dict()["received"] == []

    for arguments in ({"num_workers": 0}, {"num_workers": 2, "in_order": True}, {"num_workers": 1, "in_order": False}):
        other = DataLoader(Held(12, os.devnull), **{"batch_size": 2, "seed": 3, **arguments})
        other.load_state_dict(state)
        assert other.state_dict() == state
        rest = [bits(batch) for batch in other]
        assert Counter(rest) == Counter(whole[first] for first in whole if first not in state["received"])
        assert other.state_dict()["epoch"] == 1
    other = DataLoader(Held(12, os.devnull), batch_size=4, seed=3)
    with pytest.raises(StateError, match="received"):
        other.load_state_dict(state, waive=["batch_size"])


@pytest.mark.parametrize("recipe", ["with a state", "lazy"])
@settings(max_examples=4, deadline=None)
@given(received=st.integers(0, 4))
def test_out_of_order_every_batch_comes_once_over_an_interruption(recipe, received):
    arguments = {"num_workers": 3, "in_order": False, "prefetch_factor": 1}
    loader = build(recipe, **arguments)
    batches = iter(loader)
    found = [bits(next(batches)) for _ in range(received)]
    other = build(recipe, **arguments)
    other.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    assert Counter(found + walk(other)) == Counter(reference(recipe)[0])
    assert other.state_dict()["epoch"] == 1


# --- sizes and kinds


class Huge(Noisy):
    """Needs no memory whatever its size."""


def test_a_billion_items_are_shuffled_and_resumed_in_no_memory():
    size, place = 10**9, 9 * 10**8
    loader = DataLoader(Huge(size), batch_size=32, shuffle=True, seed=1)
    state = {**loader.state_dict(), "samples": place, "taken": place}
    tracemalloc.start()
    try:
        loader.load_state_dict(state)
        batch = next(iter(loader))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**21
    assert len(loader) == size // 32
    assert bits(batch[7]) == bits(loader.reproduce(0, place + 7))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("dataset", "arguments", "batches"),
    [
        (TensorDataset(torch.zeros(0, 2)), {}, 0),
        (Noisy(3), {"drop_last": True}, 0),
        (Noisy(3), {}, 1),
        (Noisy(4), {}, 1),
        (Noisy(2), {"rank": 3, "world_size": 4}, 1),
        (Noisy(2), {"rank": 3, "world_size": 4, "uneven": "short"}, 0),
        (Noisy(2), {"rank": 0, "world_size": 4, "uneven": "drop"}, 0),
    ],
)
def test_small_and_empty_epochs_are_epochs(dataset, arguments, batches, workers):
    loader = DataLoader(dataset, batch_size=4, seed=1, num_workers=workers, **arguments)
    for epoch in range(2):
        assert loader.state_dict()["epoch"] == epoch
        assert len(walk(loader)) == len(loader) == batches


@pytest.mark.parametrize("arguments", [{}, {"num_workers": 1}, {"num_workers": 2, "persistent_workers": True}], ids=str)
def test_an_iterator_that_is_exhausted_stays_so(arguments):
    loader = build("shuffled", **arguments)
    batches = iter(loader)
    assert len(list(batches)) == 5
    assert [next(batches, None) for _ in range(3)] == [None] * 3
    assert loader.state_dict()["epoch"] == 1
    assert walk(loader) == reference("shuffled")[1]


class Keyed(Noisy):
    """Asked for by name."""

    def __getitem__(self, name):
        return torch.tensor([len(name), *draw()])


@pytest.mark.parametrize("workers", [0, 1])
def test_indices_may_be_anything(workers):
    names = ["a", "bb", "ccc", "dddd"]
    found = walk(DataLoader(Keyed(), batch_size=2, sampler=names, seed=1, num_workers=workers))
    assert found == walk(DataLoader(Keyed(), batch_size=2, sampler=tuple(names), seed=1))
    whole = walk(DataLoader(Noisy(), batch_size=4, seed=1))
    for sampler in (range(SIZE), np.arange(SIZE)):
        assert walk(DataLoader(Noisy(), batch_size=4, sampler=sampler, seed=1, num_workers=workers)) == whole


def test_a_sampler_that_changes_is_seen_at_the_next_epoch():
    for arguments in ({}, {"num_workers": 1, "persistent_workers": True}):
        sampler = [1, 2, 3]
        loader = DataLoader(Noisy(), sampler=sampler, seed=1, **arguments)
        assert len(walk(loader)) == 3
        sampler += [4, 5, 6]
        assert len(walk(loader)) == len(loader) == 6


# --- refusals


CHANGED = {
    "seed": {"seed": 43},
    "name": {"name": "val"},
    "length": {"dataset": Noisy(SIZE + 1)},
    "batch_size": {"batch_size": 6},
    "sampler": {"shuffle": False},
    "drop_last": {"drop_last": True},
}


@pytest.mark.parametrize("field", sorted(CHANGED))
def test_a_state_of_another_loader_is_refused_with_both_values_unless_it_is_waived(field):
    state = stop("shuffled", 0, 2)
    other = build("shuffled", **CHANGED[field])
    before = other.state_dict()
    with pytest.raises(StateError) as caught:
        other.load_state_dict(state)
    (problem,) = caught.value.problems
    assert (problem.where, problem.found, problem.expected) == (field, repr(state[field]), repr(before[field]))
    assert other.state_dict() == before
    other.load_state_dict(state, waive=[field])
    assert other.state_dict()["samples"] == 10


def test_a_state_of_another_version_is_refused():
    state = {**stop("shuffled", 0, 2), "version": 0}
    with pytest.raises(StateError, match=r"version: found 0, expected 1; load it with the samerun that saved it"):
        build("shuffled").load_state_dict(state)


@pytest.mark.parametrize("recipe", ["weighted", "by length", "list"])
def test_a_dataset_of_another_length_is_refused_with_any_sampler(recipe):
    state = stop(recipe, 0, 1)
    with pytest.raises(StateError, match=r"length: found [0-9]+, expected 100"):
        build(recipe, dataset=Noisy(100)).load_state_dict(state)


def test_a_sampler_that_gives_another_number_is_refused():
    state = stop("list", 0, 1)
    with pytest.raises(StateError, match="entries: found 11, expected 3"):
        build("list", sampler=[1, 2, 3]).load_state_dict(state)


def test_with_another_batch_size_waived_every_sample_comes_once():
    state = stop("shuffled", 0, 2)
    loader = build("shuffled", batch_size=3)
    loader.load_state_dict(state, waive=["batch_size"])
    assert items_of(loader) == items_of(build("shuffled"))[2 * BATCHES :]


def test_a_loader_needs_a_seed(monkeypatch):
    monkeypatch.setattr("samerun.rng.seeding._last", [])
    with pytest.raises(SeedError, match=r"DataLoader\(..., seed=42\), or set by samerun.seed_everything"):
        DataLoader(Noisy())
    seed_everything(42)
    assert [walk(DataLoader(Noisy(), BATCHES, shuffle=True))] == reference("shuffled")[:1]


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "1", True])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises((SeedError, TypeError)):
        DataLoader(Noisy(), seed=seed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": 2, "world_size": 2}, "rank must be from 0 to world_size - 1, and is 2"),
        ({"rngs": "tensorflow"}, "rngs: 'tensorflow' is not an RNG source; there are"),
        ({"uneven": "cut"}, "uneven must be one of"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(Noisy(), seed=1, **arguments)


def test_datapipes_are_refused():
    with pytest.raises(TypeError, match="a DataPipe seeds and deals out itself"):
        DataLoader(IterableWrapper([1, 2, 3]), seed=1)


@pytest.mark.filterwarnings("error")
def test_two_loaders_that_share_their_draws_are_told_when_they_are_iterated():
    first, second = DataLoader(Noisy(), seed=77), DataLoader(Noisy(), seed=77)
    next(iter(first))
    with pytest.warns(SamerunWarning, match="two loaders have seed 77 and name 'train'"):
        iter(second)
    third = DataLoader(Noisy(), seed=77, name="val")
    next(iter(third))
    del first, second
    next(iter(DataLoader(Noisy(), seed=77)))


def error_of(loader):
    """The error that ends a loop, without its traceback, which would hold the loop and so its workers."""
    try:
        list(loader)
    except Exception as error:
        return error.with_traceback(None)
    return None


# --- sources that are left out


@pytest.mark.parametrize("workers", [0, 2])
def test_a_draw_from_a_source_that_is_not_keyed_is_an_error(workers):
    loader = DataLoader(Noisy(), batch_size=4, seed=1, rngs="torch", num_workers=workers)
    error = error_of(loader)
    assert type(error) is LoaderError
    assert re.search(
        r"(python|numpy): one of the items from 0 of epoch 0 on drew from it.*rngs=\('torch',\)", str(error)
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_so_is_one_in_collate_fn(workers):
    loader = DataLoader(OnlyTorch(), batch_size=4, seed=1, rngs="torch", collate_fn=mix_up, num_workers=workers)
    error = error_of(loader)
    assert type(error) is LoaderError
    assert "numpy: collate_fn, for the batch from item 0 of epoch 0 on, drew from it" in str(error)


def test_the_sources_that_are_keyed_give_what_they_give_with_all_of_them():
    assert reference("one source") == run("one source", rngs=None)
    assert reference("one source") == run("one source", rngs=["torch.cpu", "python"])


# --- errors, workers


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_says_which_item_it_was_and_reproduce_makes_it_again(workers):
    loader = DataLoader(Broken(), batch_size=4, shuffle=True, seed=4, num_workers=workers)
    loader.set_epoch(2)
    error = error_of(loader)
    assert type(error) is ValueError
    text = "\n".join([str(error), *getattr(error, "__notes__", [])])
    assert "bad sample 5" in text
    assert "(index 5) of epoch 2, key" in text
    ordinal = int(text.split("loader.reproduce(2, ")[1].split(")")[0])
    with pytest.raises(ValueError, match="bad sample 5"):
        loader.reproduce(2, ordinal)


def test_after_an_error_the_loop_can_go_on_and_the_place_is_behind_it():
    loader = DataLoader(Broken(), batch_size=4, seed=4)
    whole = [bits(batch) for batch in DataLoader(Noisy(), batch_size=4, seed=4)]
    batches = iter(loader)
    next(batches)
    with pytest.raises(ValueError, match="bad sample"):
        next(batches)
    assert bits(next(batches)) == whole[2]
    assert loader.state_dict()["samples"] == 12


def dataset_is_the_user_s(worker):
    assert type(get_worker_info().dataset) is Noisy
    get_worker_info().dataset.size = 24


def test_worker_init_fn_sees_the_user_s_own_dataset():
    loader = DataLoader(
        Noisy(25), BATCHES, sampler=range(24), seed=42, num_workers=2, worker_init_fn=dataset_is_the_user_s
    )
    assert len(walk(loader)) == 5


def draws_a_lot(worker):
    draw()
    random.seed(worker)


def takes_two_threads(worker):
    torch.set_num_threads(2)


def test_nor_does_it_matter_how_many_threads_worker_init_fn_sets():
    ours = [bits(batch) for batch in DataLoader(Sums(6), batch_size=2, seed=1)]
    loader = DataLoader(Sums(6), batch_size=2, seed=1, num_workers=1, worker_init_fn=takes_two_threads)
    assert [bits(batch) for batch in loader] == ours


def test_what_worker_init_fn_draws_does_not_reach_the_items():
    assert run("shuffled", 1, num_workers=2, worker_init_fn=draws_a_lot) == reference("shuffled")[:1]


@pytest.mark.parametrize("persistent", [False, True])
def test_dropping_the_loop_ends_its_workers(persistent):
    before = set(multiprocessing.active_children())
    loader = build("shuffled", num_workers=2, persistent_workers=persistent)
    batches = iter(loader)
    next(batches)
    started = set(multiprocessing.active_children()) - before
    assert len(started) == 2
    del batches
    if persistent:
        assert all(process.is_alive() for process in started)
        del loader
    assert not any(process.is_alive() for process in started)


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


# --- somebody else's loader


@pytest.mark.parametrize("recipe", sorted(set(RECIPES) - {"one source"}))
def test_an_exact_loader_gives_the_batches_of_ours(recipe):
    plain = TorchDataLoader(**RECIPES[recipe]())
    loader = exact(plain, seed=42)
    for epoch in range(2):
        assert walk(loader) == reference(recipe)[epoch]


class Stopping(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == 5:
            raise StopIteration
        return index


@pytest.mark.parametrize("workers", [0, 2])
def test_an_item_that_raises_stop_iteration_does_not_end_the_epoch_silently(workers):
    torchs = [len(batch) for batch in TorchDataLoader(Stopping(), batch_size=2)]
    assert sum(torchs) < 8  # the control: torch takes it for the end
    error = error_of(DataLoader(Stopping(), batch_size=2, seed=1, num_workers=workers))
    assert "raised StopIteration" in str(error)
    assert "item 5 (index 5) of epoch 0" in str(error)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_collate_fn_says_which_batch(workers):
    error = error_of(DataLoader(Noisy(), batch_size=4, seed=1, num_workers=workers, collate_fn=len_of_nothing))
    text = "\n".join([str(error), *getattr(error, "__notes__", [])])
    assert "while collating the batch from item 0 (index [0]) on, of epoch 0" in text


def len_of_nothing(items):
    return len(None)


def test_persistent_workers_that_were_killed_are_replaced():
    expected = [bits(batch) for batch in DataLoader(Noisy(), batch_size=4, seed=1, name="calm")]
    loader = DataLoader(Noisy(), batch_size=4, seed=1, num_workers=2, persistent_workers=True)
    next(iter(loader))
    for worker in loader._iterator._workers:
        worker.kill()
        worker.join()
    loader.set_epoch(0)
    again = DataLoader(Noisy(), batch_size=4, seed=1, name="train")
    assert [bits(batch) for batch in loader] == [bits(batch) for batch in again] != expected


@pytest.mark.parametrize(("epoch", "error"), [(True, TypeError), (1.5, TypeError), ("3", TypeError), (-1, ValueError)])
def test_an_epoch_is_an_integer_from_0(epoch, error):
    loader = DataLoader(Noisy(), seed=1)
    with pytest.raises(error, match="epoch must be"):
        loader.set_epoch(epoch)
    with pytest.raises(error, match="epoch must be"):
        loader.reproduce(epoch, 0)


def test_check_changes_nothing_in_this_process():
    class Caching(torch.utils.data.Dataset):
        def __init__(self):
            self.made = {}

        def __len__(self):
            return 8

        def __getitem__(self, index):
            return self.made.setdefault(index, random.random())

    dataset = Caching()
    assert not DataLoader(dataset, seed=1).check(8)
    assert dataset.made == {}


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


def test_a_sampler_s_state_that_json_would_change_is_refused():
    class Keyed(torch.utils.data.SequentialSampler):
        def state_dict(self):
            return {"seen": {3: True}}

        def load_state_dict(self, state):
            raise AssertionError

    loader = DataLoader(Noisy(8), seed=1, sampler=Keyed(range(8)))
    iterator = iter(loader)
    next(iterator)
    with pytest.raises(StateError, match="the key 3, where JSON has strings only"):
        loader.state_dict()
