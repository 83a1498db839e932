"""The contract of the loader at its edges: sizes, refusals, errors, workers that end."""

from __future__ import annotations

import multiprocessing
import random
import re
import tracemalloc

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader as TorchDataLoader
from torch.utils.data import (
    TensorDataset,
    get_worker_info,
)
from torch.utils.data.datapipes.iter import IterableWrapper

from draws import draw
from loading import BATCHES, SIZE, build, items_of, reference, run, stop, walk
from noisy import (
    Broken,
    Noisy,
    OnlyTorch,
    Sums,
    bits,
    mix_up,
)
from samerun import DataLoader, seed_everything
from samerun.errors import LoaderError, SamerunWarning, SeedError, StateError

# Loaders of one seed and name share their draws, which is what is compared here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:two loaders have seed"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # more workers than there are cores
]


# --- sizes and kinds


class Huge(Noisy):
    """Needs no memory whatever its size."""


def test_a_billion_items_are_shuffled_and_resumed_in_no_memory():
    size, place = 10**9, 9 * 10**8
    loader = DataLoader(Huge(size), batch_size=32, shuffle=True, seed=1)
    state = {**loader.state_dict(), "samples": place, "taken": place}
    next(iter(DataLoader(Huge(8), batch_size=2, shuffle=True, seed=1)))  # imports what the first one imports
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


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_after_an_error_the_loop_can_go_on_and_the_place_is_behind_it(workers):
    loader = DataLoader(Broken(), batch_size=4, seed=4, num_workers=workers)
    whole = [bits(batch) for batch in DataLoader(Noisy(), batch_size=4, seed=4)]
    batches = iter(loader)
    next(batches)
    with pytest.raises(ValueError, match="bad sample"):
        next(batches)
    assert loader.state_dict()["samples"] == 4
    assert bits(next(batches)) == whole[2]
    assert loader.state_dict()["samples"] == 12


def test_out_of_order_a_batch_that_failed_does_not_let_the_state_grow():
    # With one worker nothing overtakes, so all that was received lies before the place.
    loader = DataLoader(Broken(80), batch_size=4, seed=4, num_workers=1, in_order=False)
    batches, failed, received = iter(loader), 0, []
    for number in range(20):
        try:
            received.append(bits(next(batches)))
        except ValueError:
            failed += 1
        else:
            state = loader.state_dict()
            assert (state["samples"], state["received"]) == (4 * (number + 1) % 80, [])
    assert failed == 1
    whole = [bits(batch) for batch in DataLoader(Noisy(80), batch_size=4, seed=4)]
    assert sorted(received) == sorted(whole[:1] + whole[2:])


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
