"""The contract of the loader: its state, at every place of an epoch."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import pickle
import random
import subprocess
import sys
import threading
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributed.checkpoint.stateful import Stateful
from torch.utils.data import DataLoader as TorchDataLoader

from draws import bare_states
from loading import BATCHES, RECIPES, SIZE, build, environment, expected, go_on, reference, stop, walk
from noisy import (
    Held,
    Noisy,
    bits,
)
from samerun import DataLoader
from samerun.errors import LoaderError, StateError

# Loaders of one seed and name share their draws, which is what is compared here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:two loaders have seed"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # more workers than there are cores
]


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
