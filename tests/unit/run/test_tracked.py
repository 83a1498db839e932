from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import samerun
from samerun.errors import RunError, SamerunWarning, StateError
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
    assert list(state["attributes"]["changed"]["0"]) == ["mean", "other", "count", "late"]
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


class Holding(nn.Module):
    """Attributes that are second names for something else, or are shared."""

    def __init__(self, memory, rows):
        super().__init__()
        self.register_buffer("mean", torch.zeros(2))
        self.initial = self.mean
        self.first = self.second = torch.zeros(2)
        self.scales = [torch.ones(2, requires_grad=True)]
        self.memory, self.row, self.array = memory, rows[0], np.zeros(3)
        self.view, self.wide, self.none, self.warm = self.array[:1], torch.zeros(1).expand(4), None, True
        self.drop = nn.Dropout(0.5)

    def change(self):
        self.mean = self.mean + 1
        self.second = torch.ones(2)
        self.scales[0].data += 1
        self.memory["seen"] = self.memory.get("seen", 0) + 1
        self.row, self.wide = torch.ones(2), torch.ones(4)
        self.array[0] += 1
        self.none, self.late, self.value = torch.ones(1), 5, np.float32(0.1)
        self.drop.p *= 0.5
        vars(self).pop("warm", None)


def holding():
    memory, rows = {}, torch.zeros(3, 2)
    return Holding(memory, rows), memory, rows


def test_what_was_changed_in_place_is_put_back_in_place_and_what_was_bound_anew_is_bound_anew():
    model, *_ = holding()
    kept = tracked("model", model)
    for _ in range(2):
        model.change()
    state = kept.state()
    fresh, memory, rows = holding()
    (scale,), array = fresh.scales, fresh.array
    other = tracked("model", fresh)
    other.load(state, exactly=True)
    assert first_difference(state, other.state()) is None
    assert fresh.scales[0] is scale
    assert scale.requires_grad
    assert scale.tolist() == [3, 3]
    assert fresh.memory is memory
    assert memory == {"seen": 2}
    assert fresh.array is array
    assert fresh.view[0] == 2
    assert rows.sum() == 0
    assert fresh.mean.tolist() == [2, 2]
    assert [fresh.initial.sum(), fresh.first.sum(), fresh.second.sum()] == [0, 0, 2]
    assert type(fresh.value) is np.float32
    assert fresh.drop.p == 0.125
    assert not hasattr(fresh, "warm")


def test_a_training_that_is_begun_again_with_the_same_module_finds_it_as_it_was():
    model, memory, _ = holding()
    none = tracked("model", model).state()
    model.change()
    once = tracked("model", model).state()
    model.change()
    model.later = 1
    again = tracked("model", model)
    again.load(once, exactly=True)
    assert first_difference(once, again.state()) is None
    assert memory == {"seen": 1}
    assert not hasattr(model, "later")
    again.load(none, exactly=True)
    assert first_difference(none, again.state()) is None
    assert model.warm is True
    assert model.none is None
    assert memory == {}


def test_a_large_attribute_that_changed_cannot_be_put_back_without_the_checkpoint(monkeypatch):
    monkeypatch.setattr("samerun.run.tracked.attributes._LARGEST", 8)
    model = nn.Sequential(Beside())
    model[0].large = torch.zeros(3)
    before = tracked("model", model).state()
    model[0].large += 1
    changed = tracked("model", model).state()
    tracked("model", model).load(changed, exactly=True)
    with pytest.raises(RunError, match=r"0.large: the attribute was changed since it was tracked.*make the thing anew"):
        tracked("model", model).load(before, exactly=True)


def test_attributes_of_a_parametrized_module_are_its_users():
    model, fresh = (nn.utils.parametrizations.orthogonal(Counting(2, 2)) for _ in range(2))
    kept = tracked("model", model)
    model.count += 1
    tracked("model", fresh).load(kept.state(), exactly=True)
    assert fresh.count == 1


class Counting(nn.Linear):
    count = 0


class Odd(torch.Tensor):
    @staticmethod
    def __new__(cls):
        return torch.Tensor._make_wrapper_subclass(cls, (2,))

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise NotImplementedError


def test_attributes_that_cannot_be_kept_are_passed_over():
    model = nn.Linear(1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nested tensors are a prototype
        model.nested = torch.nested.nested_tensor([torch.ones(1), torch.ones(2)])
    model.sparse, model.meta = torch.ones(2).to_sparse(), torch.ones(2, device="meta")
    model.register_buffer("odd", Odd(), persistent=False)
    model.loop = []
    model.loop.append(model.loop)
    state = tracked("model", model).state()
    assert state["attributes"] == {"changed": {}, "deleted": []}


def test_hooks_are_told_apart_by_their_place():
    def hooked(generator):
        model = nn.Linear(1, 1)
        model.register_forward_hook(lambda *_: generator.random())
        return tracked("model", model)

    first, second = random.Random(1), random.Random(2)
    state = hooked(first).state()  # torch counts hooks up through the process
    other = hooked(second)
    assert list(other.problems(state)) == []
    other.load(state, exactly=True)
    assert second.getstate() == first.getstate()


def test_generators_that_cannot_be_kept_are_told():
    model = nn.Linear(1, 1)
    model.source = random.SystemRandom()
    with pytest.warns(SamerunWarning, match=r"model: generators inside are not kept.*objects\[0\].source"):
        assert tracked("model", model).state()["generators"] == {}


class Noisy(torch.optim.SGD):
    def __init__(self, parameters):
        super().__init__(parameters, lr=0.1)
        self.generator, self.count = torch.Generator().manual_seed(3), 0

    def step(self, closure=None):
        self.count += 1
        self.param_groups[0]["params"][0].data += torch.rand((), generator=self.generator)


def test_an_optimizer_comes_back_with_what_it_leaves_out_of_its_state():
    before, after = (Noisy([torch.zeros(2, requires_grad=True), torch.ones(1), torch.ones(1)]) for _ in range(2))
    kept, other = tracked("optimizer", before), tracked("optimizer", after)
    before.step()
    before.param_groups[0]["params"][0].requires_grad_(False)
    before.param_groups[0]["params"][1].data += 1
    state = kept.state()
    assert list(state["loose"]) == [0, 1]  # the frozen one that never changed is the script's
    assert list(other.problems(state)) == []
    other.load(state, exactly=True)
    assert first_difference(state, other.state()) is None
    assert after.count == 1
    assert not after.param_groups[0]["params"][0].requires_grad
    before.step()
    after.step()
    assert first_difference(kept.state(), other.state()) is None


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
