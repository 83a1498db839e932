"""The loader's contract for iterable datasets, whose items belong to the workers that make them."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader as TorchDataLoader
from torch.utils.data import IterableDataset

from draws import bare_states
from noisy import StatefulIterator, StatefulStream, Stream, Uneven, bits, mix_up
from samerun import DataLoader, exact
from samerun.errors import LoaderError, SamerunWarning, StateError

pytestmark = [
    pytest.mark.filterwarnings("ignore:two loaders have seed"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:.*items are made again and thrown away"),
]


class Breaking(Stream):
    def __iter__(self):
        yield torch.zeros(1)
        raise ValueError("bad record")


class Chosen(Stream):
    """Told the epoch."""

    epoch = -1

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        yield from [torch.tensor(self.epoch)] * 4


class Torch(Stream):
    def __iter__(self):
        for _ in range(6):
            yield torch.rand(())


class Recovering(Stream):
    """An iterator that goes on after a record it cannot read."""

    def __iter__(self):
        return Records()


class Records:
    def __init__(self):
        self.number = -1

    def __iter__(self):
        return self

    def __next__(self):
        self.number += 1
        if self.number in (3, 4):
            raise ValueError("bad record")
        if self.number == 12:
            raise StopIteration
        return self.number + torch.rand(())


class Shrinking(Stream):
    """Fewer records each time it is opened."""

    def __iter__(self):
        self.size -= 6
        yield from torch.arange(self.size + 6)


class AtTheEnd(Stream):
    def __iter__(self):
        yield from torch.rand(4)
        np.random.random_sample()


RECIPES = {
    "replayed": lambda: {"dataset": Stream(), "batch_size": 4},
    "state of the dataset": lambda: {"dataset": StatefulStream(), "batch_size": 4},
    "state of the iterator": lambda: {"dataset": StatefulIterator(), "batch_size": 4},
    "drop last": lambda: {"dataset": StatefulStream(), "batch_size": 4, "drop_last": True},
    "no batches": lambda: {"dataset": StatefulIterator(9), "batch_size": None},
    "no batches, replayed": lambda: {"dataset": Stream(9), "batch_size": None},
    "mix-up": lambda: {"dataset": StatefulStream(), "batch_size": 4, "collate_fn": mix_up},
    "uneven": lambda: {"dataset": Uneven(13), "batch_size": 2},
    "in full batches": lambda: {"dataset": StatefulIterator(24), "batch_size": 3},
}
EPOCHS = 3


def build(recipe, **arguments):
    return DataLoader(**{"seed": 42, **RECIPES[recipe](), **arguments})


def walk(loader):
    return [bits(batch) for batch in loader]


@cache
def reference(recipe, workers):
    """The uninterrupted run."""
    loader = build(recipe, num_workers=workers)
    return [walk(loader) for _ in range(EPOCHS)]


def stop(recipe, epoch, received, **arguments):
    loader = build(recipe, **arguments)
    loader.set_epoch(epoch)
    batches = iter(loader)
    found = [bits(next(batches)) for _ in range(received)]
    assert found == reference(recipe, arguments.get("num_workers", 0))[epoch][:received]
    return json.loads(json.dumps(loader.state_dict()))


def go_on(recipe, state, **arguments):
    loader = build(recipe, **arguments)
    loader.load_state_dict(state)
    return [walk(loader) for _ in range(state["epoch"], EPOCHS)]


WORKERS = [0, 1, 2]
EVERY = pytest.mark.parametrize("recipe", sorted(RECIPES))


@EVERY
@pytest.mark.parametrize("workers", WORKERS)
def test_epochs_differ_and_come_again(recipe, workers):
    whole = reference(recipe, workers)
    assert len({tuple(epoch) for epoch in whole}) == EPOCHS
    loader = build(recipe, num_workers=workers)
    assert walk(loader) == whole[0]
    loader.set_epoch(2)
    assert walk(loader) == whole[2]
    assert walk(build(recipe, num_workers=workers, seed=43)) != whole[0]
    assert walk(build(recipe, num_workers=workers, name="val")) != whole[0]


@EVERY
def test_one_worker_gives_what_none_gives(recipe):
    assert reference(recipe, 0) == reference(recipe, 1)


@pytest.mark.parametrize("arguments", [{"persistent_workers": True}, {"prefetch_factor": 5}], ids=str)
def test_nor_does_it_matter_how_the_workers_are_run(arguments):
    for recipe in ("replayed", "state of the dataset", "uneven"):
        loader = build(recipe, num_workers=2, **arguments)
        assert [walk(loader) for _ in range(EPOCHS)] == reference(recipe, 2)


@pytest.mark.slow
@pytest.mark.parametrize("context", ["spawn", "forkserver"])
def test_spawned_workers_too(context):
    loader = build("state of the dataset", num_workers=2, multiprocessing_context=context)
    assert walk(loader) == reference("state of the dataset", 2)[0]


def test_workers_never_draw_alike():
    rows = torch.cat(list(build("replayed", num_workers=2)))
    assert len(set(rows[:, 2:].flatten().tolist())) == rows[:, 2:].numel()


def test_plain_torch_gives_other_items_each_time():
    # The negative control.
    assert walk(TorchDataLoader(Stream(), batch_size=4)) != walk(TorchDataLoader(Stream(), batch_size=4))


@EVERY
@pytest.mark.parametrize(
    "workers", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_every_stop_of_an_epoch_resumes(recipe, workers):
    whole = reference(recipe, workers)
    for received in range(len(whole[0]) + 1):
        state = stop(recipe, 0, received, num_workers=workers)
        resumed = go_on(recipe, state, num_workers=workers)
        # Behind the last batch of an iterable dataset nothing may follow without anybody knowing yet.
        expected = [whole[0][received:], *whole[1:]] if state["epoch"] == 0 else whole[1:]
        assert resumed == expected, received
        assert state["epoch"] == 0 or received == len(whole[0])


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(RECIPES)), st.integers(0, 20), st.sampled_from([1, 2]), st.booleans(), st.booleans())
def test_stops_with_workers_resume(recipe, received, workers, first, second):
    whole = reference(recipe, workers)
    received %= len(whole[1]) + 1
    state = stop(recipe, 1, received, num_workers=workers, persistent_workers=first)
    resumed = go_on(recipe, state, num_workers=workers, persistent_workers=second)
    assert resumed == ([whole[1][received:], whole[2]] if state["epoch"] == 1 else [whole[2]])


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(RECIPES)), st.integers(0, 20), st.integers(0, 20))
def test_a_run_may_be_interrupted_twice_in_an_epoch(recipe, first, second):
    whole = reference(recipe, 0)
    first, second = sorted((first % len(whole[0]), second % len(whole[0])))
    loader = build(recipe)
    loader.load_state_dict(stop(recipe, 0, first))
    batches = iter(loader)
    assert [bits(next(batches)) for _ in range(second - first)] == whole[0][first:second]
    state = json.loads(json.dumps(loader.state_dict()))
    assert go_on(recipe, state) == [whole[0][second:], *whole[1:]]


@pytest.mark.parametrize("workers", WORKERS)
def test_the_end_of_an_epoch_is_the_beginning_of_the_next(workers):
    for recipe in ("replayed", "in full batches", "drop last"):
        loader = build(recipe, num_workers=workers)
        assert walk(loader) == reference(recipe, workers)[0]
        fresh = build(recipe, num_workers=workers)
        fresh.set_epoch(1)
        assert loader.state_dict() == fresh.state_dict()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("recipe", ["replayed", "state of the iterator", "state of the dataset"])
def test_a_break_ends_the_epoch(recipe, workers):
    loader = build(recipe, num_workers=workers, persistent_workers=workers > 0)
    for _ in loader:
        break
    assert loader.state_dict()["epoch"] == 1
    assert walk(loader) == reference(recipe, workers)[1]


@pytest.mark.parametrize("persistent", [False, True])
def test_a_state_loaded_into_a_living_loader_takes_effect_at_its_next_batch(persistent):
    whole = reference("state of the dataset", 2)
    state = stop("state of the dataset", 1, 3, num_workers=2)
    loader = build("state of the dataset", num_workers=2, persistent_workers=persistent)
    batches = iter(loader)
    next(batches)
    loader.load_state_dict(state)
    assert [bits(batch) for batch in batches] == whole[1][3:]
    assert walk(loader) == whole[2]


@EVERY
def test_a_state_is_small_json_of_always_the_same_keys_and_changes_nothing(recipe):
    keys = set()
    for workers in WORKERS:
        loader = build(recipe, num_workers=workers)
        keys.add(tuple(loader.state_dict()))
        found = []
        for batch in loader:
            first = json.dumps(loader.state_dict())
            assert json.dumps(loader.state_dict()) == first
            assert len(first) < 1024
            keys.add(tuple(loader.state_dict()))
            found.append(bits(batch))
        assert found == reference(recipe, workers)[0]
    assert len(keys) == 1


@EVERY
def test_the_generators_of_the_training_process_are_not_touched(recipe):
    before, threads = bare_states(), torch.get_num_threads()
    loader = build(recipe)
    for _ in loader:
        assert bare_states() == before
        loader.state_dict()
    walk(build(recipe, num_workers=1))
    assert bare_states() == before
    assert torch.get_num_threads() == threads


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
@pytest.mark.parametrize("recipe", ["replayed", "state of the dataset"])
def test_a_loader_goes_through_a_distributed_checkpoint_as_it_is(recipe, tmp_path):
    loader = build(recipe, num_workers=2)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    dcp.save({"loader": loader}, checkpoint_id=tmp_path)
    other = build(recipe, num_workers=2)
    dcp.load({"loader": other}, checkpoint_id=tmp_path)
    assert other.state_dict() == loader.state_dict()
    assert walk(other) == reference(recipe, 2)[0][3:]


def test_a_state_survives_torch_save(tmp_path):
    state = stop("state of the dataset", 0, 3, num_workers=2)
    torch.save(state, tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt", weights_only=True) == state


@pytest.mark.parametrize("workers", [0, 2])
def test_a_replay_says_so_and_what_would_help(workers):
    state = stop("replayed", 0, 3, num_workers=workers)
    loader = build("replayed", num_workers=workers)
    loader.load_state_dict(state)
    batches = iter(loader)
    with pytest.warns(SamerunWarning, match=r"Stream has no state_dict\(\).*12 items are made again and thrown away"):
        next(batches)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*items are made again")
        next(batches)
        go_on("state of the dataset", stop("state of the dataset", 0, 3, num_workers=workers), num_workers=workers)
        go_on("replayed", stop("replayed", 0, 0))


@pytest.mark.parametrize(("saved", "loaded"), [(0, 2), (2, 1), (2, 3)])
def test_another_number_of_workers_is_refused_with_the_reason_unless_it_is_waived(saved, loaded):
    state = stop("replayed", 0, 2, num_workers=saved)
    loader = build("replayed", num_workers=loaded)
    before = loader.state_dict()
    with pytest.raises(StateError, match=r"workers: found .*, expected .*; the items of an iterable dataset belong to"):
        loader.load_state_dict(state)
    assert loader.state_dict() == before
    loader.load_state_dict(state, waive=["workers"])


class PrivateStream(Stream):
    """Draws from generators of its own."""

    def __init__(self):
        super().__init__(11)
        self.generator, self.torch = np.random.default_rng(), torch.Generator()

    def __iter__(self):
        for place in self.places():
            yield torch.tensor([place, self.generator.normal(), torch.rand((), generator=self.torch).item()])


@pytest.mark.parametrize("workers", WORKERS)
def test_private_generators_of_the_dataset_are_keyed_too(workers):
    def fresh():
        return DataLoader(PrivateStream(), batch_size=2, seed=1, num_workers=workers)

    whole = walk(fresh())
    assert walk(fresh()) == whole
    loader = fresh()
    batches = iter(loader)
    assert [bits(next(batches)) for _ in range(3)] == whole[:3]
    other = fresh()
    other.load_state_dict(loader.state_dict())
    assert walk(other) == whole[3:]


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["replayed", "state of the iterator", "uneven"]), st.integers(0, 6))
def test_out_of_order_every_batch_comes_once_over_an_interruption(recipe, received):
    loader = build(recipe, num_workers=2, in_order=False)
    batches = iter(loader)
    found = [bits(next(batches)) for _ in range(received)]
    other = build(recipe, num_workers=2, in_order=False)
    other.load_state_dict(json.loads(json.dumps(loader.state_dict())))
    assert Counter(found + walk(other)) == Counter(reference(recipe, 2)[0])


def test_one_worker_may_take_over_from_none():
    state = stop("replayed", 0, 2)
    assert go_on("replayed", state, num_workers=1) == [reference("replayed", 0)[0][2:], *reference("replayed", 0)[1:]]


def test_another_world_size_is_refused():
    state = build("replayed", rank=0, world_size=2).state_dict()
    with pytest.raises(StateError, match="world_size: found 2, expected 1"):
        build("replayed").load_state_dict(state)


def test_a_state_of_another_rank_is_refused():
    state = build("state of the dataset", rank=0, world_size=2).state_dict()
    with pytest.raises(
        StateError, match=r"rank: found 0, expected 1; each rank of an iterable dataset has a state of its"
    ):
        build("state of the dataset", rank=1, world_size=2).load_state_dict(state)


def test_ranks_have_shards_of_their_own():
    ranks = [torch.cat(list(build("replayed", rank=rank, world_size=2)))[:, 2:].flatten().tolist() for rank in (0, 1)]
    assert not set(ranks[0]) & set(ranks[1])
    assert walk(build("replayed", rank=0, world_size=2)) == reference("replayed", 0)[0]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_dataset_that_wants_to_know_the_epoch_is_told(workers):
    loader = DataLoader(Chosen(), batch_size=4, seed=1, num_workers=workers, persistent_workers=workers > 0)
    assert [{int(value) for batch in loader for value in batch} for _ in range(3)] == [{0}, {1}, {2}]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_says_which_item_it_was(workers):
    loader = DataLoader(Breaking(), batch_size=4, seed=1, num_workers=workers)
    error = error_of(loader)
    assert type(error) is ValueError
    assert "while making item 1 of shard 0 of epoch 0, key" in "\n".join([str(error), *getattr(error, "__notes__", [])])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_draw_from_a_source_that_is_not_keyed_is_an_error(workers):
    error = error_of(DataLoader(Stream(), batch_size=4, seed=1, rngs="torch", num_workers=workers))
    assert type(error) is LoaderError
    assert "shard 0 of epoch 0 drew from it" in str(error)
    assert walk(DataLoader(Torch(), seed=1, rngs="torch")) == walk(DataLoader(Torch(), seed=1))


def error_of(loader):
    """The error that ends a loop, without its traceback, which would hold the loop and so its workers."""
    try:
        list(loader)
    except Exception as error:
        return error.with_traceback(None)
    return None


class Sets(IterableDataset):
    def __iter__(self):
        yield from range(3)

    def state_dict(self):
        return {"seen": {1, 2}}

    def load_state_dict(self, state):
        assert state == {"seen": {1, 2}}  # the state before the epoch, in this very process


def test_states_that_are_not_json_are_refused():
    loader = DataLoader(Sets(), seed=1)
    batches = iter(loader)
    next(batches)
    with pytest.raises(StateError, match="shards: found a value that is not JSON"):
        loader.state_dict()


def test_what_asks_for_items_by_number_is_refused():
    loader = build("replayed")
    with pytest.raises(TypeError, match="an iterable dataset cannot be asked for one item"):
        loader.reproduce(0, 0)
    with pytest.raises(TypeError, match="an iterable dataset cannot be asked for the same item twice"):
        loader.check()
    assert "item of a shard" in str(loader.explain())


@pytest.mark.parametrize("recipe", ["drop last", "no batches", "mix-up"])
def test_an_exact_loader_gives_the_batches_of_ours(recipe):
    assert walk(exact(TorchDataLoader(**RECIPES[recipe]()), seed=42)) == reference(recipe, 0)[0]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_draw_behind_the_last_item_is_noticed_too(workers):
    loader = DataLoader(AtTheEnd(), batch_size=2, seed=1, rngs="torch", num_workers=workers)
    with pytest.raises(LoaderError, match="numpy: shard 0 of epoch 0 drew from it"):
        walk(loader)
    assert len(walk(DataLoader(AtTheEnd(), batch_size=2, seed=1, num_workers=workers))) == 2


@pytest.mark.parametrize("workers", [0, 1])
def test_records_that_cannot_be_read_are_passed_over_again_when_items_are_made_again(workers):
    def past_errors(batches):
        while True:
            try:
                yield bits(next(batches))
            except ValueError:
                continue
            except StopIteration:
                return

    whole = list(past_errors(iter(DataLoader(Recovering(), batch_size=None, seed=1, num_workers=workers))))
    assert len(whole) == 10
    loader = DataLoader(Recovering(), batch_size=None, seed=1, num_workers=workers)
    rest = past_errors(iter(loader))
    assert [next(rest) for _ in range(5)] == whole[:5]
    resumed = DataLoader(Recovering(), batch_size=None, seed=1, num_workers=workers)
    resumed.load_state_dict(loader.state_dict())
    assert list(past_errors(iter(resumed))) == whole[5:]


def test_a_dataset_that_ends_too_early_when_items_are_made_again_is_refused():
    loader = DataLoader(Shrinking(12), batch_size=None, seed=1)
    batches = iter(loader)
    for _ in range(8):
        next(batches)
    state = loader.state_dict()
    del batches
    loader.load_state_dict(state)
    with pytest.raises(LoaderError, match="shard 0 of epoch 0: ended after 6 items when they were made again, of whi"):
        next(iter(loader))
