"""The contract of the loader with odd datasets, samplers and settings."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch.utils.data import DistributedSampler, IterableDataset, Sampler

from noisy import Noisy, NoisyBatches, StatefulSampler, bits
from samerun import DataLoader
from samerun.errors import LoaderError, StateError
from samerun.rng.numpy import global_bit_generator

pytestmark = [
    pytest.mark.filterwarnings("ignore:two loaders have seed"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]


def batches(loader):
    return [bits(batch) for batch in loader]


class Drawn(NoisyBatches):
    def __getitems__(self, indices):
        return [random.random()] * len(indices)


def test_items_made_as_a_whole_and_their_collate_function_do_not_draw_the_same():
    (pair,) = DataLoader(Drawn(4), batch_size=4, seed=1, collate_fn=lambda items: (items[0], random.random()))
    assert pair[0] != pair[1]


@pytest.mark.parametrize(
    "names",
    [("rank", "num_replicas"), ("rank", "world_size"), ("_rank", "_world_size"), ("process_index", "num_processes")],
)
@pytest.mark.parametrize("inside", [False, True])
def test_samplers_that_know_their_ranks_are_not_dealt_out_again(names, inside):
    def of(rank):
        class Own(Sampler):
            def __init__(self):
                vars(self).update(zip(names, (rank, 2), strict=True))

            def __iter__(self):
                return iter(range(rank, 12, 2))

            def __len__(self):
                return 6

        class Outer(Sampler):
            batch_sampler = Own()

            def __iter__(self):
                return ([entry] for entry in self.batch_sampler)

        how = {"batch_sampler": Outer()} if inside else {"sampler": Own()}
        loader = DataLoader(Noisy(12), **how, collate_fn=list, seed=1, rank=rank, world_size=2)
        return [int(item[0]) for batch in loader for item in batch]

    assert (of(0), of(1)) == ([*range(0, 12, 2)], [*range(1, 12, 2)])


class LazyCollate:
    rng = None

    def __call__(self, item):
        assert isinstance(item, torch.Tensor)
        if self.rng is None:
            self.rng = np.random.default_rng()
        return item + self.rng.random()


@pytest.mark.parametrize("workers", [0, 2])
def test_where_batching_is_off_a_collate_function_gets_items_also_the_second_time(workers):
    runs = [
        batches(DataLoader(Noisy(6), batch_size=None, collate_fn=LazyCollate(), seed=1, num_workers=workers))
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


class LazySampler(Sampler):
    rng = None

    def __iter__(self):
        if self.rng is None:
            self.rng = np.random.default_rng()
        yield from self.rng.permutation(12).tolist()

    def __len__(self):
        return 12


def test_a_sampler_that_makes_its_generator_in_its_first_epoch_is_keyed_from_the_first_entry():
    runs = [
        [batches(loader), batches(loader)] for loader in (DataLoader(Noisy(12), sampler=LazySampler(), seed=1),) * 1
    ]
    again = DataLoader(Noisy(12), sampler=LazySampler(), seed=1)
    assert runs[0] == [batches(again), batches(again)]
    assert len({*LazySampler()}) == 12
    assert [*LazySampler()] != [*LazySampler()]  # the control


def test_a_sampler_whose_state_is_not_json_is_walked():
    class Keyed(Sampler):
        def __iter__(self):
            return iter(range(8))

        def __len__(self):
            return 8

        def state_dict(self):
            return {"seen": {3: True}, "pair": (1, 2)}

        def load_state_dict(self, state):
            raise AssertionError

    whole = batches(DataLoader(Noisy(8), sampler=Keyed(), seed=1))
    loader = DataLoader(Noisy(8), sampler=Keyed(), seed=1)
    iterator = iter(loader)
    next(iterator), next(iterator)
    resumed = DataLoader(Noisy(8), sampler=Keyed(), seed=1)
    resumed.load_state_dict(loader.state_dict())
    assert batches(resumed) == whole[2:]


def test_from_a_sampler_with_a_state_to_one_without():
    loader = DataLoader(Noisy(12), batch_size=3, sampler=StatefulSampler(12, 12), seed=1)
    iterator = iter(loader)
    next(iterator), next(iterator)
    resumed = DataLoader(Noisy(12), batch_size=3, sampler=list(range(12)), collate_fn=list, seed=1)
    resumed.load_state_dict(loader.state_dict(), waive=["sampler"])
    assert [int(item[0]) for batch in resumed for item in batch] == [*range(6, 12)]


def test_looking_does_not_move_a_sampler_that_keeps_its_state_on_itself():
    loader = DataLoader(Noisy(12), batch_size=3, sampler=StatefulSampler(12, 12), seed=1)
    iterator = iter(loader)
    next(iterator), next(iterator)
    before = loader.state_dict()
    loader.reproduce(0, 1)
    loader.check(3)
    assert loader.state_dict() == before


def test_a_list_that_a_batch_sampler_fills_again_and_again():
    class Refilling(Sampler):
        def __iter__(self):
            batch = []
            for start in range(0, 8, 2):
                batch.clear()
                batch.extend([start, start + 1])
                yield batch

    def of(rank):
        loader = DataLoader(Noisy(8), batch_sampler=Refilling(), collate_fn=list, seed=1, rank=rank, world_size=2)
        return [[int(item[0]) for item in batch] for batch in loader]

    assert (of(0), of(1)) == ([[0, 1], [4, 5]], [[2, 3], [6, 7]])


class Threads(Noisy):
    def __getitem__(self, index):
        threads = torch.get_num_threads()
        if index == 0:
            torch.set_num_threads(2)
        return threads


@pytest.mark.parametrize("workers", [0, 2])
def test_an_item_that_sets_threads_sets_them_for_its_batch_at_most(workers):
    before = torch.get_num_threads()
    found = list(DataLoader(Threads(8), batch_size=2, seed=1, num_workers=workers, collate_fn=list))
    assert found == [[1, 2], [1, 1], [1, 1], [1, 1]]
    assert torch.get_num_threads() == before


class Reseeding(Noisy):
    def __getitem__(self, index):
        torch.manual_seed(index)
        return torch.rand(())


@pytest.mark.parametrize("backend", [torch.cuda, torch.xpu])
def test_what_a_device_would_begin_with_is_left_alone(backend):
    if backend.is_initialized():
        pytest.skip("the device was used already")
    torch.manual_seed(77)
    before = dict(vars(backend._lazy_seed_tracker))
    list(DataLoader(Reseeding(4), seed=1))
    after = dict(vars(backend._lazy_seed_tracker))
    assert after == before
    Reseeding(4)[0]
    assert dict(vars(backend._lazy_seed_tracker)) != before  # the control


@pytest.mark.slow
def test_workers_that_are_not_forked_have_the_bit_generator_and_the_dtype_of_the_training_process():
    mersenne, dtype = global_bit_generator(), torch.get_default_dtype()
    np.random.set_bit_generator(np.random.PCG64(1))
    torch.set_default_dtype(torch.float64)
    try:
        alone = batches(DataLoader(Noisy(8), batch_size=2, seed=1))
        spawned = DataLoader(Noisy(8), batch_size=2, seed=1, num_workers=1, multiprocessing_context="spawn")
        assert batches(spawned) == alone
    finally:
        np.random.set_bit_generator(mersenne)
        torch.set_default_dtype(dtype)
    assert batches(DataLoader(Noisy(8), batch_size=2, seed=1)) != alone  # the control


class Sudden(Noisy):
    rng = None

    def __getitem__(self, index):
        if index == 9:
            self.rng = random.Random()
        return index


@pytest.mark.parametrize("workers", [0, 1])
def test_a_generator_that_comes_too_late_is_an_error_before_long(workers):
    loader = DataLoader(Sudden(40), batch_size=2, seed=1, num_workers=workers)
    with pytest.raises(LoaderError, match=r"dataset\.rng: came into being after the first batch"):
        list(loader)


@pytest.mark.parametrize("workers", [0, 2])
def test_stop_iteration_in_a_collate_function_is_an_error(workers):
    def stop(items):
        if items[0][0] >= 4:
            raise StopIteration
        return items

    with pytest.raises(RuntimeError, match=r"collate_fn: raised StopIteration"):
        list(DataLoader(Noisy(8), batch_size=2, seed=1, collate_fn=stop, num_workers=workers))


class GoingOn(IterableDataset):
    """Goes on where it was, as a file that is read on does."""

    def __init__(self):
        self.at = 0
        self.transform = random.Random(1)

    def __iter__(self):
        while self.at < 9:
            self.at += 1
            yield self.at + self.transform.random()

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (1, False), (1, True)])
def test_an_iterable_dataset_that_goes_on_begins_each_epoch_at_its_beginning(workers, persistent):
    loader = DataLoader(GoingOn(), batch_size=3, seed=1, num_workers=workers, persistent_workers=persistent)
    for _ in loader:
        break
    second = batches(loader)
    fresh = DataLoader(GoingOn(), batch_size=3, seed=1)
    fresh.set_epoch(1)
    assert second == batches(fresh)
    assert len(second) == 3


@pytest.mark.parametrize("workers", [0, 1])
def test_a_transform_that_is_replaced_between_epochs_is_keyed(workers):
    def second_epoch():
        dataset = GoingOn()
        loader = DataLoader(dataset, batch_size=3, seed=1, num_workers=workers)
        list(loader)
        dataset.transform = random.Random()
        dataset.another = random.Random()
        return batches(loader)

    assert second_epoch() == second_epoch()


def test_a_distributed_sampler_of_another_world_goes_on():
    def loader_of(rank, world_size):
        sampler = DistributedSampler(range(10), world_size, rank, shuffle=True)
        return DataLoader(Noisy(10), sampler=sampler, batch_size=4 // world_size, collate_fn=list, seed=1)

    loader = loader_of(0, 2)
    iterator = iter(loader)
    next(iterator)
    rest = []
    for rank in range(4):
        resumed = loader_of(rank, 4)
        resumed.load_state_dict(loader.state_dict())
        rest.append([int(item[0]) for batch in resumed for item in batch])
    seen = {int(item[0]) for first in (loader_of(0, 2), loader_of(1, 2)) for item in next(iter(first))}
    assert seen | {index for part in rest for index in part} == set(range(10))


@pytest.mark.parametrize("sampler", [None, list(range(10))])
def test_drop_last_drops_the_same_on_any_number_of_ranks(sampler):
    for world_size in (1, 2, 4):
        for rank in range(world_size):
            how = {"rank": rank, "world_size": world_size, "sampler": sampler}
            loader = DataLoader(Noisy(10), batch_size=4 // world_size, drop_last=True, seed=1, **how)
            assert len(loader) == len(list(loader)) == 2


def test_out_of_order_on_several_ranks_each_has_a_state_of_its_own():
    how = {"batch_size": 2, "num_workers": 2, "in_order": False, "seed": 1, "world_size": 2}
    state = DataLoader(Noisy(24), rank=0, **how).state_dict()
    DataLoader(Noisy(24), rank=0, **how).load_state_dict(state)
    with pytest.raises(StateError, match="rank: found 0, expected 1"):
        DataLoader(Noisy(24), rank=1, **how).load_state_dict(state)
    with pytest.raises(StateError, match="world_size: found 2, expected None"):
        DataLoader(Noisy(24), batch_size=4, seed=1).load_state_dict(state)


def test_a_length_that_is_not_implemented_is_none():
    class Endless(Sampler):
        def __iter__(self):
            return iter(range(6))

        def __len__(self):
            raise NotImplementedError

    loader = DataLoader(Noisy(6), batch_size=4, sampler=Endless(), seed=1)
    assert len([batch for batch in loader]) == 2  # noqa: C416  # list() would ask for the length
    assert loader.state_dict()["entries"] is None
