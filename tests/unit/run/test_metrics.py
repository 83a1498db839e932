from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from samerun.errors import CheckpointError, SamerunWarning, StateError
from samerun.run.metrics import Metrics
from states import full


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


def test_a_file_that_is_shorter_than_it_was_stays(metrics):
    metrics.log({"step": 1}, {"a": 1})
    metrics.cut(1000)
    metrics.log({"step": 2}, {"a": 2})
    assert [line["step"] for line in lines(metrics)] == [1, 2]


@pytest.mark.parametrize("digits", [400, 5000])
def test_an_integer_that_no_float_holds_is_refused(metrics, digits):
    with pytest.raises(StateError, match="a: found an integer of more than 1023 bits"):
        metrics.log({"step": 1}, {"a": -(10**digits)})
    metrics.log({"step": 1}, {"a": 2**1000})


@pytest.mark.parametrize("rest", [0, 1, 10])
def test_a_line_that_does_not_fit_leaves_no_part_of_it(metrics, rest):
    metrics.log({"step": 1}, {"a": 1})
    with full(metrics.sync() + rest), pytest.raises(CheckpointError, match=r"a line was not written: .*File too large"):
        metrics.log({"step": 2}, {"a": 2})
    assert metrics.last == {"a": 1}
    metrics.log({"step": 3}, {"a": 3})
    assert [line["step"] for line in lines(metrics)] == [1, 3]
    assert metrics.sync() == metrics.path.stat().st_size


def test_what_cannot_be_synced_is_said(tmp_path):
    metrics = Metrics(Path(os.devnull))  # a device that takes no fsync
    with pytest.raises(CheckpointError, match="lines were not written"):
        metrics.sync()
    metrics.close()


def test_the_lines_of_somebody_else_are_kept(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for number in (1, 2):
        path.write_text(f"{number}\n")
        metrics = Metrics(path)
        with pytest.warns(SamerunWarning, match=rf"its lines are now in metrics.{number}.jsonl"):
            metrics.begin(own=False)
        metrics.close()
        assert (path.read_text(), (tmp_path / f"metrics.{number}.jsonl").read_text()) == ("", f"{number}\n")
    assert (tmp_path / "metrics.1.jsonl").read_text() == "1\n"


def test_its_own_are_logged_again(metrics):
    metrics.log({"step": 1}, {"a": 1})
    metrics.begin(own=True)
    assert [path.name for path in metrics.path.parent.iterdir()] == ["metrics.jsonl"]
    assert lines(metrics) == []
