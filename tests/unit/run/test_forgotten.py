from __future__ import annotations

import gc
import random

import numpy as np
import torch
from torch import nn

from samerun.run.forgotten import Forgotten, forgotten


def found(kept=()):
    return sorted(forgotten(kept).found)


def test_kinds_are_named_and_what_is_inside_another_is_not_named_again():
    gc.collect()
    before = found()
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    assert found() == sorted([*before, ("module in training", "a torch.nn.modules.container.Sequential")])
    assert found([model]) == before
    model.eval()
    assert found() == before
    loss = nn.MSELoss()  # in training, and nothing to train
    assert found() == before
    del loss


def test_generators_inside_what_is_kept_are_kept():
    before = found()
    holder = [random.Random(1), {"inner": np.random.default_rng(2)}, torch.Generator()]
    assert len(found()) == len(before) + 3
    assert found([holder]) == before


def test_garbage_is_not_alive():
    before = found()
    model = nn.Linear(1, 1)
    model.itself = [model]
    del model
    assert found() == before


def test_what_it_says():
    assert Forgotten(())
    assert str(Forgotten(())) == "everything that looks like part of the training is tracked"
    one = Forgotten((("loader", "a Loader"),))
    assert not one
    assert str(one) == "alive, and not tracked; run.track(...) what the training needs:\n  loader: a Loader"


def test_the_schedulers_inside_a_tracked_one_are_not_forgotten_and_a_loader_is_named_by_its_dataset():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    parts = [torch.optim.lr_scheduler.ConstantLR(optimizer) for _ in range(2)]
    whole = torch.optim.lr_scheduler.SequentialLR(optimizer, parts, [2])
    data = torch.utils.data.DataLoader(range(3))
    found = forgotten([optimizer, whole]).found
    assert not {"scheduler", "optimizer"} & {kind for kind, _ in found}
    assert any(kind == "loader" and what.endswith("DataLoader over range") for kind, what in found)
    assert "scheduler" in {kind for kind, _ in forgotten([optimizer, data]).found}  # the control
