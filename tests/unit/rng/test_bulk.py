from __future__ import annotations

import random
from collections import OrderedDict, deque

import numpy as np
import pytest
import torch

from samerun.rng import find_generators
from samerun.rng.bulk import is_bulk
from samerun.rng.discovery import private_sources

ROWS = [("a path", 3), {"path": "a", "boxes": [[1, 2], [3, 4]]}, np.zeros(3), torch.zeros(2), None, frozenset({1})]


@pytest.mark.parametrize("kind", [list, tuple, deque, lambda rows: dict(enumerate(rows))])
@pytest.mark.parametrize("row", ROWS)
def test_many_rows_of_plain_data_are_bulk(kind, row):
    assert is_bulk(kind([row] * 1001))
    assert not is_bulk(kind([row] * 1000))


def test_sets_and_arrays_of_objects_too():
    assert is_bulk(set(range(1001)))
    array = np.empty(1001, object)
    array[:] = "a"
    assert is_bulk(array)
    array[0] = random.Random(1)
    assert not is_bulk(array)


@pytest.mark.parametrize(
    "row", [random.Random(1), object(), [random.Random(1)], {"rng": np.random.default_rng(1)}, len]
)
def test_rows_that_may_hold_something_are_not(row):
    assert not is_bulk([row] * 5000)
    assert not is_bulk([[1, row]] * 5000)


def test_other_containers_are_looked_into():
    assert not is_bulk(OrderedDict(enumerate(range(5000))))
    assert not is_bulk("a" * 5000)
    assert not is_bulk(np.zeros(5000))


def test_a_loader_passes_over_bulk_and_capture_does_not():
    rng = random.Random(1)
    rows = [[1, 2]] * 5000
    rows[1] = [rng]  # between two of those that are looked at
    assert list(find_generators(rows)) == ["[1][0]"]
    assert list(private_sources((rows,))) == ["objects[0][1][0]"]
    assert private_sources((rows,), bulk=False) == {}
    assert list(private_sources(([rng], rows), bulk=False)) == ["objects[0][0]"]
