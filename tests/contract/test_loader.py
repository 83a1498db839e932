"""The contract of the loader: the same bits whatever the workers, and nothing else is touched."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader as TorchDataLoader
from torch.utils.data import (
    TensorDataset,
)

from draws import bare_states, draw
from loading import (
    BATCHES,
    EPOCHS,
    RECIPES,
    Augmented,
    augmented,
    build,
    expected,
    go_on,
    items_of,
    reference,
    run,
    stop,
    walk,
)
from noisy import (
    Broken,
    Noisy,
    Private,
    Sums,
    bits,
)
from samerun import DataLoader, exact

# Loaders of one seed and name share their draws, which is what is compared here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:two loaders have seed"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # more workers than there are cores
]


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


# --- somebody else's loader


@pytest.mark.parametrize("recipe", sorted(set(RECIPES) - {"one source"}))
def test_an_exact_loader_gives_the_batches_of_ours(recipe):
    plain = TorchDataLoader(**RECIPES[recipe]())
    loader = exact(plain, seed=42)
    for epoch in range(2):
        assert walk(loader) == reference(recipe)[epoch]
