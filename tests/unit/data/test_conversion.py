from __future__ import annotations

import inspect

import pytest
import torch
from torch.utils.data import DataLoader as TorchDataLoader
from torch.utils.data import RandomSampler

from noisy import ByLength, Noisy, Stream, bits, mix_up
from samerun import DataLoader, exact

pytestmark = pytest.mark.filterwarnings("ignore:two loaders have seed")

# Every argument of torch's DataLoader, with something else than its default where that is possible without a device.
CASES = {
    "plain": {},
    "all that does not batch": {
        "batch_size": 5,
        "shuffle": True,
        "num_workers": 1,
        "collate_fn": mix_up,
        "drop_last": True,
        "timeout": 9,
        "worker_init_fn": print,
        "multiprocessing_context": "fork",
        "generator": torch.Generator(),
        "prefetch_factor": 5,
        "persistent_workers": True,
        "in_order": False,
    },
    "sampler": {"batch_size": 5, "sampler": [3, 1, 2]},
    "batch sampler": {"batch_sampler": ByLength(24)},
    "no batches": {"batch_size": None, "shuffle": True},
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_everything_a_loader_was_built_with_is_taken_over(case):
    arguments = CASES[case]
    plain, ours = TorchDataLoader(Noisy(), **arguments), DataLoader(Noisy(), seed=1, **arguments)
    found = exact(plain, seed=1)
    assert type(found) is DataLoader
    names = set(inspect.signature(TorchDataLoader).parameters) - {"shuffle", "dataset", "sampler", "batch_sampler"}
    for name in names:
        assert getattr(found, name) == getattr(ours, name), name
    assert type(found.sampler) is type(ours.sampler)
    assert type(found.batch_sampler) is type(ours.batch_sampler)
    assert found.dataset is plain.dataset
    assert found.state_dict() == ours.state_dict()


def test_the_given_loader_is_left_as_it_is():
    plain = TorchDataLoader(Noisy(), batch_size=5, shuffle=True)
    before = dict(vars(plain))
    list(exact(plain, seed=1))
    assert vars(plain) == before
    assert len(list(plain)) == 5


def test_own_keywords_are_passed_on():
    own = {"seed": 3, "name": "val", "rank": 1, "world_size": 2, "rngs": ("torch",), "uneven": "drop"}
    found = exact(TorchDataLoader(Noisy()), **own)
    assert {name: getattr(found, name) for name in own} == own
    ours = set(inspect.signature(DataLoader).parameters) - set(inspect.signature(TorchDataLoader).parameters)
    assert set(inspect.signature(exact).parameters) - {"loader"} == ours == set(own)


def test_what_is_exact_already_stays():
    loader = DataLoader(Noisy(), seed=1)
    assert exact(loader) is loader
    assert exact(loader, seed=1, name="train", uneven="pad") is loader
    with pytest.raises(ValueError, match="seed: the loader is exact with 1, not 2"):
        exact(loader, seed=2)


@pytest.mark.parametrize("thing", [[1, 2], Noisy(), None, RandomSampler(range(3))])
def test_other_things_are_refused(thing):
    with pytest.raises(TypeError, match=r"exact takes a torch.utils.data.DataLoader, not "):
        exact(thing)


@pytest.mark.parametrize("method", ["__iter__", "_get_iterator"])
def test_a_loader_with_a_way_of_its_own_is_refused(method):
    kind = type("Own", (TorchDataLoader,), {method: getattr(TorchDataLoader, method)})
    assert type(exact(kind(Noisy()), seed=1)) is DataLoader  # the same function is not another way
    kind = type("Own", (TorchDataLoader,), {method: lambda self: None})
    with pytest.raises(TypeError, match=f"Own has its own {method}"):
        exact(kind(Noisy()), seed=1)


def test_iterable_datasets_too():
    found = exact(TorchDataLoader(Stream(), batch_size=4, drop_last=True), seed=1)
    ours = DataLoader(Stream(), batch_size=4, drop_last=True, seed=1)
    assert [bits(batch) for batch in found] == [bits(batch) for batch in ours]


def test_every_argument_of_torch_s_loader_is_one_of_ours_with_the_same_default():
    theirs, ours = (inspect.signature(kind).parameters for kind in (TorchDataLoader, DataLoader))
    assert [*theirs] == [*ours][: len(theirs)]
    for name, parameter in theirs.items():
        assert (ours[name].default, ours[name].kind) == (parameter.default, parameter.kind), name


def test_own_arguments_are_keywords_and_public_attributes_of_the_same_name():
    # As frameworks need it that build a loader again from what they find.
    loader = DataLoader(Noisy(), seed=1)
    own = set(inspect.signature(DataLoader).parameters) - set(inspect.signature(TorchDataLoader).parameters)
    for name in own:
        assert inspect.signature(DataLoader).parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert hasattr(loader, name)
    public = {name for name in vars(loader) if not name.startswith("_")}
    assert public - {name for name in vars(TorchDataLoader(Noisy())) if not name.startswith("_")} == own
