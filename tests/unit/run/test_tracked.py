from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

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
    state = {"values": [torch.ones(2)]}
    tracked("thing", thing).load(state, exactly=True)
    thing.values[0].zero_()
    assert state["values"][0].tolist() == [1, 1]
