from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader as TorchDataLoader

import samerun
from noisy import Noisy
from samerun.errors import RunError, SamerunWarning, StateError
from samerun.run.contents import Contents
from samerun.run.tracked import tracked


def contents(*waive):
    return Contents(waive, seed=3)


def test_torch_s_loader_is_made_exact_once_and_with_the_seed_of_the_run():
    kept, given = contents(), TorchDataLoader(Noisy(4))
    samerun.seed_everything(99)
    kept.add({"train": given})
    exact = kept.loader(given).thing
    assert (exact.seed, exact.name, exact.dataset) == (3, "train", given.dataset)
    assert kept.loader(given).thing is kept.loader(exact).thing is exact
    assert kept.things() == [exact, given]


def test_one_loader_may_come_unnamed_and_late():
    first, given = contents(), TorchDataLoader(Noisy(4))
    first.loader(given)
    next(batches := iter(first.loader(given).thing))
    saved = first.states()
    del batches

    second = contents()
    second.load_all(saved)
    assert second.states() == saved  # although it has not come yet
    late = TorchDataLoader(Noisy(4))
    assert second.loader(late).state() == saved["loader-0"]
    with pytest.raises(RunError, match="second loader"):
        second.loader(TorchDataLoader(Noisy(4)))


def test_all_problems_are_named_before_anything_is_loaded():
    saved = {"a": tracked("a", nn.Linear(2, 1)).state(), "c": {}}
    kept, model = contents(), nn.Linear(2, 3)
    kept.add({"a": model, "b": nn.Linear(1, 1)})
    before = model.weight.clone()
    with pytest.raises(StateError) as refused:
        kept.load(saved, ["a", "b"])
    assert [problem.where for problem in refused.value.problems] == ["b", "a['weight']", "a['bias']"]
    with pytest.raises(StateError, match="c: found a state in the checkpoint, expected a tracked thing"):
        kept.load_all(saved)
    assert torch.equal(model.weight, before)


def test_positions_are_loaded_last():
    order = []

    class Recorder:
        def __init__(self, name):
            self.name = name

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            order.append(self.name)

    class Loader(Recorder):
        dataset = ()

        def __iter__(self):
            return iter(())

    kept = contents()
    kept.add({"loader": Loader("loader"), "one": Recorder("one"), "two": Recorder("two")})
    kept.load_all(kept.states())
    assert order == ["one", "two", "loader"]


@pytest.mark.parametrize("waive", [(), ("a",)])
def test_an_odd_state_is_refused_even_if_it_is_waived(waive):
    kept = contents(*waive)
    kept.add({"a": nn.Linear(1, 1)})
    with pytest.raises(StateError, match=r"a\['state'\]: found nothing, expected a dict"):
        kept.load({"a": {}}, ["a"])


def test_loaders_of_two_runs_are_no_twins_and_those_of_one_are():
    def iterate(kept, **loaders):
        kept.add(loaders)
        for loader in loaders.values():
            list(kept.loader(loader).thing)

    first, second = contents(), contents()
    data = [samerun.DataLoader(Noisy(2), seed=918273) for _ in range(4)]
    iterate(first, a=data[0])
    iterate(second, a=data[1])
    with pytest.warns(SamerunWarning, match="two loaders have seed 918273"):
        iterate(second, b=data[2])
    with pytest.warns(SamerunWarning, match="two loaders have seed 918273"):
        list(data[3])  # of no run


class Drawing:
    """Batches of its own generator, and no place."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __iter__(self):
        return iter(self.rng.random(8))


@pytest.mark.parametrize("named", [False, True])
def test_a_loader_with_generators_and_no_place_is_refused(named):
    contents, loader = Contents((), 0), Drawing()
    if named:
        contents.add({"batches": loader})
    for _ in range(2):
        with pytest.raises(TypeError, match=r"batches: a Drawing has generators inside but no state_dict"):
            contents.loader(loader)
    assert len(contents.things()) == named
