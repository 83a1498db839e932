"""What every test, docstring example and documentation page begins with."""

from __future__ import annotations

import importlib
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

# albumentations asks the network for a newer version of itself otherwise.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"


# What samerun.deterministic() sets beside the number of threads and the algorithms.
_SWITCHES = (
    (torch.backends.cudnn, "deterministic"),
    (torch.backends.cudnn, "benchmark"),
    (torch.backends.mkldnn, "deterministic"),
    (torch.utils.deterministic, "fill_uninitialized_memory"),
)


def _enter_page(namespace: dict[str, Any]) -> None:
    folder, patch = tempfile.TemporaryDirectory(), pytest.MonkeyPatch()
    patch.chdir(folder.name)
    patch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    for owner, name in _SWITCHES:
        patch.setattr(owner, name, getattr(owner, name))
    namespace.update(_folder=folder, _patch=patch, _threads=torch.get_num_threads())


def _leave_page(namespace: dict[str, Any]) -> None:
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(namespace["_threads"])
    namespace["_patch"].undo()
    namespace["_folder"].cleanup()
    namespace.clear()  # a loader that lived on would be taken for a twin of the next page's


# The Python blocks of a page are run in order, in a folder of their own, and what they set is put back.
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["*.md"],
    setup=_enter_page,
    teardown=_leave_page,
).pytest()


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
        monkeypatch.delitem(sys.modules, "numba._helperlib", raising=False)
