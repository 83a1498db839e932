from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

import samerun
from samerun.errors import RunError, StateError
from samerun.run.tracked import tracked
from samerun.state import first_difference


def test_a_module_comes_back_with_gradients_modes_and_what_is_frozen():
    def module():
        return nn.Sequential(nn.Linear(2, 2), nn.Dropout())

    model = module()
    model(torch.ones(1, 2)).sum().backward()
    model[0].bias.grad = None
    model[0].bias.requires_grad_(False)
    model[1].eval()
    state = tracked("model", model).state()

    fresh = module()
    kept = tracked("model", fresh)
    fresh(torch.ones(1, 2)).sum().backward()
    assert list(kept.problems(state)) == []
    kept.load(state, exactly=True)
    assert first_difference(state, kept.state()) is None
    assert fresh[0].bias.grad is None
    assert not fresh[0].bias.requires_grad
    assert [part.training for part in (fresh, fresh[0], fresh[1])] == [True, True, False]
    assert fresh[0].weight.grad is not model[0].weight.grad
    fresh[0].weight.grad.zero_()
    assert state["gradients"]["0.weight"].abs().sum() > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: random.Random(1),
        lambda: np.random.default_rng(1),
        lambda: np.random.RandomState(1),
        lambda: torch.Generator().manual_seed(1),
        lambda: {"inside": [random.Random(1), np.random.default_rng(2)]},
    ],
)
def test_generators_come_back(make):
    def draws(thing):
        if isinstance(thing, dict):
            return [draws(inner) for inner in thing["inside"]]
        if isinstance(thing, torch.Generator):
            return torch.rand(3, generator=thing).tolist()
        return [thing.random() if hasattr(thing, "random") else thing.random_sample() for _ in range(3)]

    thing, fresh = make(), make()
    draws(thing)
    state = tracked("thing", thing).state()
    kept = tracked("thing", fresh)
    assert draws(thing) != draws(fresh)
    kept.load(state, exactly=True)
    assert first_difference(state, kept.state()) is None
    kept.load(state, exactly=True)
    second = make()
    tracked("thing", second).load(state, exactly=True)
    assert draws(fresh) == draws(second)


def test_a_loaded_state_is_not_shared():
    class Holder:
        def __init__(self):
            self.values = [torch.zeros(2)]

        def state_dict(self):
            return {"values": self.values}

        def load_state_dict(self, state):
            self.values = state["values"]

    thing = Holder()
    state = {"state": {"values": [torch.ones(2)]}, "generators": {}}
    tracked("thing", thing).load(state, exactly=True)
    thing.values[0].zero_()
    assert state["state"]["values"][0].tolist() == [1, 1]


class Caching(nn.Module):
    """Buffers that are not persistent: one that changes, a constant, one that is made late, one that goes."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer("seen", torch.zeros(1), persistent=False)
        self.register_buffer("positions", torch.arange(3).expand(1, -1), persistent=False)
        self.register_buffer("first", torch.ones(2), persistent=False)

    def forward(self, x):
        self.seen += x
        self.register_buffer("cache", torch.full((int(self.seen),), 2.0), persistent=False)
        self.first = None


def test_buffers_that_are_not_persistent_come_back():
    model, fresh = nn.Sequential(Caching()), nn.Sequential(Caching())
    model[0](3)
    state = tracked("model", model).state()
    assert list(state["transient"]) == ["0.seen", "0.positions", "0.cache"]
    kept, seen = tracked("model", fresh), fresh[0].seen
    assert list(kept.problems(state)) == []
    for _ in range(2):
        kept.load(state, exactly=True)
        assert first_difference(state, kept.state()) is None
    assert fresh[0].seen is seen
    assert fresh[0].first is None
    assert list(fresh.state_dict()) == ["0.scale"]
    fresh[0].cache.zero_()
    assert state["transient"]["0.cache"].tolist() == [2, 2, 2]
    assert next(problem.where for problem in tracked("model", nn.Linear(1, 1)).problems(state)) == "model['0.seen']"


def test_a_lazy_module_takes_any_shape_and_is_not_saved_without_one():
    model, fresh = nn.Sequential(nn.LazyLinear(3)), nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(StateError, match=r"model\['0.weight'\]: found a parameter that is lazy.*run the model once"):
        tracked("model", model).state()
    model(torch.ones(1, 5))
    state = tracked("model", model).state()
    kept = tracked("model", fresh)
    assert list(kept.problems(state)) == []
    kept.load(state, exactly=True)
    assert first_difference(state, kept.state()) is None


def adam(*sizes, groups=1):
    parameters = [nn.Parameter(torch.ones(size)) for size in sizes]
    optimizer = torch.optim.Adam([{"params": parameters[group::groups]} for group in range(groups)])
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    return optimizer


def test_of_an_optimizer_that_may_differ_what_fits_is_loaded():
    before = adam(2, 3)
    before.step()
    state = tracked("optimizer", before).state()
    after = adam(2, 4)
    tracked("optimizer", after).load(state, exactly=False)
    assert [list(found["exp_avg"].shape) for found in after.state.values()] == [[2]]
    after.step()
    other = adam(2, 3, groups=2)
    tracked("optimizer", other).load(state, exactly=False)
    assert not other.state


THINGS = {
    "module": lambda: nn.Linear(1, 1),
    "optimizer": lambda: adam(1),
    "generator": lambda: random.Random(1),
    "loader": lambda: samerun.DataLoader([1], seed=1),
}


@pytest.mark.parametrize("thing", ["module", "optimizer"])
@pytest.mark.parametrize("state", [{}, {"state": 1}])
def test_a_state_without_its_parts_is_odd(thing, state):
    kept = tracked("thing", THINGS[thing]())
    assert next(problem.where for problem in kept.odd(state)) == "thing['state']"
    assert list(kept.odd(kept.state())) == []


@pytest.mark.parametrize("thing", THINGS)
def test_a_state_that_is_no_dict_is_odd(thing):
    kept = tracked("thing", THINGS[thing]())
    assert [str(problem) for problem in kept.odd([])] == ["thing: found a list, expected a dict"]
    assert list(kept.odd(kept.state())) == []


def test_a_thing_that_cannot_load_is_named():
    class Fragile:
        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            state["missing"]

    for exactly in (True, False):
        with pytest.raises(RunError, match=r"thing: .*Fragile.load_state_dict raised KeyError\('missing'\)"):
            tracked("thing", Fragile()).load({"state": {}, "generators": {}}, exactly=exactly)


class Beside(nn.Module):
    def __init__(self, rate=0.5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.rate, self.tied, self.view = rate, [self.weight], self.weight.detach()[:1]
        self.mean, self.other, self.count, self.object = torch.zeros(2), torch.zeros(1), 0, object()


def test_attributes_that_have_changed_come_back_and_constants_are_the_scripts():
    model, fresh = nn.Sequential(Beside()), nn.Sequential(Beside(rate=0.1))
    kept = tracked("model", model)
    model[0].mean += 1
    model[0].other = torch.zeros(1, dtype=torch.float64)
    model[0].count += 1
    model[0].late = {"a": [np.float32([1]), (None, "b", 2.5)], 3: torch.ones(1)}
    model[0].weight.data.zero_()
    state = kept.state()
    assert list(state["attributes"]) == ["0.mean", "0.other", "0.count", "0.late"]
    other, mean = tracked("model", fresh), fresh[0].mean
    assert list(other.problems(state)) == []
    other.load(state, exactly=True)
    assert first_difference(state, other.state()) is None
    assert fresh[0].rate == 0.1
    assert fresh[0].mean is mean
    fresh[0].mean.zero_()
    fresh[0].late["a"][0][:] = 7
    fresh[0].late[3].zero_()
    assert first_difference(state, kept.state()) is None
    assert next(problem.where for problem in tracked("model", nn.Linear(1, 1)).problems(state)) == "model['0.mean']"


def test_generators_of_a_module_must_be_as_many():
    class Random(nn.Module):
        def __init__(self, *generators):
            super().__init__()
            self.generators = generators

    state = tracked("model", Random(random.Random(1))).state()
    for generators, found in ((), "a state, expected none"), ((random.Random(), random.Random()), "no state, expected"):
        problems = map(str, tracked("model", Random(*generators)).problems(state))
        assert [f"found {found}" in problem for problem in problems] == [True]


def test_parameters_of_an_optimizer_alone_come_back():
    def make(value):
        loose, owned = (torch.full((2,), value, requires_grad=True) for _ in range(2))
        optimizer = torch.optim.SGD([{"params": [owned]}, {"params": [loose]}], lr=0.1)
        kept = tracked("optimizer", optimizer)
        kept.owned = {id(owned)}
        return kept, loose, owned

    kept, loose, _ = make(1.0)
    loose.square().sum().backward()
    state = kept.state()
    assert list(state["loose"]) == [1]
    fresh, other, owned = make(2.0)
    assert list(fresh.problems(state)) == []
    fresh.load(state, exactly=True)
    assert other.tolist() == [1, 1]
    assert other.grad.tolist() == [2, 2]
    assert owned.tolist() == [2, 2]
    other.grad.zero_()
    assert state["gradients"][1].tolist() == [2, 2]
    fresh.load({**state, "gradients": {}}, exactly=True)
    assert other.grad is None
    smaller = tracked("optimizer", torch.optim.SGD([torch.ones(2), torch.ones(3)], lr=0.1))
    assert "groups of [1, 1] parameters" in str(next(smaller.problems(state)))
    state["loose"] = {1: torch.ones(3)}
    assert [problem.where for problem in fresh.problems(state)] == ["optimizer['loose'][1]"]


def test_a_sparse_gradient_that_is_pending_is_refused():
    model = nn.Embedding(3, 2, sparse=True)
    model(torch.tensor([1])).sum().backward()
    with pytest.raises(StateError, match=r"model\['weight'\].grad: found a sparse gradient.*zero_grad"):
        tracked("model", model).state()


def test_a_tensor_of_an_own_class_may_have_grown():
    class History:
        def __init__(self, *shape, dtype=torch.float32):
            self.values = torch.zeros(shape, dtype=dtype)

        def state_dict(self):
            return {"values": self.values}

        def load_state_dict(self, state):
            self.values = state["values"]

    state = tracked("history", History(3, 2)).state()
    for shape in ((0, 2), (2, 2), (3, 2)):
        assert list(tracked("history", History(*shape)).problems(state)) == []
    odd = [History(4, 2), History(0, 3), History(0), History(), History(0, 2, dtype=torch.float64)]
    assert [len(list(tracked("history", thing).problems(state))) for thing in odd] == [1] * 5
