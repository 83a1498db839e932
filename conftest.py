"""Every test begins with the same states and gives back what it borrowed."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def _own_generators() -> Iterator[None]:
    """Seed without samerun, and put the states back without it, so that no test leans on what it tests."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)
    yield
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])


@pytest.fixture
def numba() -> ModuleType:
    """Numba, whose generators are sources once it is imported."""
    return importlib.import_module("numba")


@pytest.fixture(autouse=True)
def _numba_only_where_asked_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide Numba from tests that do not use it, so that they see the same sources in whatever order they run."""
    if "numba" not in request.fixturenames:
        monkeypatch.delitem(sys.modules, "numba", raising=False)
