from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from samerun.errors import RunError, StateError
from samerun.run.metrics import Metrics


@pytest.fixture
def metrics(tmp_path):
    metrics = Metrics(tmp_path / "metrics.jsonl")
    yield metrics
    metrics.close()


def lines(metrics):
    return [json.loads(line) for line in metrics.path.read_text().splitlines()]


def test_numbers_of_every_kind(metrics):
    metrics.log({"step": 1}, {"a": 1, "b": 0.1, "c": torch.tensor([2.5]), "d": np.float32(0.5), "e": np.array(3)})
    metrics.log({"step": 2}, {"a": math.inf, "f": True})
    assert lines(metrics) == [
        {"step": 1, "a": 1, "b": 0.1, "c": 2.5, "d": 0.5, "e": 3},
        {"step": 2, "a": math.inf, "f": True},
    ]
    assert metrics.last == {"a": math.inf, "b": 0.1, "c": 2.5, "d": 0.5, "e": 3, "f": True}


@pytest.mark.parametrize("value", ["1", None, torch.zeros(2), np.zeros(2), [1]])
def test_what_is_no_number_is_refused_before_anything_is_written(metrics, value):
    with pytest.raises(StateError, match="loss: found"):
        metrics.log({"step": 1}, {"good": 1, "loss": value})
    assert lines(metrics) == []
    assert metrics.last == {}


def test_a_name_that_every_line_has_is_refused(metrics):
    with pytest.raises(StateError, match="step: found a value, expected another name"):
        metrics.log({"step": 1}, {"step": 2})


def test_what_is_behind_a_checkpoint_is_cut(metrics):
    metrics.log({"step": 1}, {"a": 1})
    size = metrics.sync()
    metrics.log({"step": 2}, {"a": 2})
    metrics.cut(size)
    metrics.log({"step": 3}, {"a": 3})
    assert [line["step"] for line in lines(metrics)] == [1, 3]


def test_a_file_that_is_shorter_than_it_was_is_refused(metrics):
    metrics.log({"step": 1}, {"a": 1})
    with pytest.raises(RunError, match="has 20 bytes and had 1000"):
        metrics.cut(1000)
