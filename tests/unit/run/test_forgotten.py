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
