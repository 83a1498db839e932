from __future__ import annotations

import os

import pytest
import torch

from samerun.determinism import deterministic
from samerun.errors import DeterminismError

SETTINGS = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "torch.use_deterministic_algorithms": (True, False),
    "torch.utils.deterministic.fill_uninitialized_memory": False,
    "torch.backends.cudnn.deterministic": True,
    "torch.backends.cudnn.benchmark": False,
    "torch.backends.mkldnn.deterministic": True,
    "torch.set_num_threads": 1,
}


def now():
    return {
        "CUBLAS_WORKSPACE_CONFIG": os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        "torch.use_deterministic_algorithms": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        "torch.utils.deterministic.fill_uninitialized_memory": torch.utils.deterministic.fill_uninitialized_memory,
        "torch.backends.cudnn.deterministic": torch.backends.cudnn.deterministic,
        "torch.backends.cudnn.benchmark": torch.backends.cudnn.benchmark,
        "torch.backends.mkldnn.deterministic": torch.backends.mkldnn.deterministic,
        "torch.set_num_threads": torch.get_num_threads(),
    }


@pytest.fixture(autouse=True)
def _ordinary_settings(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.backends.cudnn.benchmark = True
    yield
    torch.backends.cudnn.benchmark = False
    torch.set_num_threads(threads)


def test_everything_is_set_reported_and_undone():
    before = now()
    with deterministic(threads=1) as report:
        assert now() == SETTINGS
        assert {setting.name: (setting.before, setting.after) for setting in report.settings} == {
            name: (before[name], after) for name, after in SETTINGS.items()
        }
    assert now() == before
    assert all(before[name] != after for name, after in SETTINGS.items())  # every one had to change


def test_undone_when_the_body_raises():
    before = now()
    with pytest.raises(ZeroDivisionError), deterministic(threads=1):
        raise ZeroDivisionError
    assert now() == before


def test_as_a_call_it_stays_until_undone():
    before = now()
    report = deterministic(warn_only=True, fill_uninitialized_memory=True)
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    report.undo()
    assert now() == before
    torch.set_num_threads(1)
    report.undo()  # a second time does nothing
    assert torch.get_num_threads() == 1
    with pytest.raises(RuntimeError, match="were undone"):
        report.__enter__()


def test_nested_settings_come_back_in_order():
    before = now()
    with deterministic(threads=1):
        middle = now()
        with deterministic(threads=2, warn_only=True):
            assert now() != middle
        assert now() == middle
    assert now() == before


def test_an_operation_without_a_deterministic_algorithm_is_refused():
    def operation():
        tensor = torch.zeros(3, requires_grad=True)
        return torch.nn.functional.max_unpool1d(tensor.view(1, 1, 3), torch.tensor([[[0, 1, 2]]]), 1)

    operation()  # the negative control: torch alone lets it pass
    with deterministic(), pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        operation()


def test_memory_is_filled_only_when_asked_for():
    with deterministic(fill_uninitialized_memory=True):
        assert torch.empty(1000).isnan().all()
    with deterministic():
        assert not torch.utils.deterministic.fill_uninitialized_memory


def test_it_is_too_late_for_cublas_once_cuda_is_initialised(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    before = now()
    with pytest.raises(DeterminismError, match="before the first use of the GPU") as caught:
        deterministic()
    assert (caught.value.setting, caught.value.found) == ("CUBLAS_WORKSPACE_CONFIG", None)
    assert now() == before
    with deterministic(cublas_workspace=None):
        assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with deterministic():
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
    with deterministic(cublas_workspace=":4096:8"):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threads": 0}, "at least 1"),
        ({"threads": -1}, "at least 1"),
        ({"cublas_workspace": ":8:8"}, "'auto', ':4096:8', ':16:8' or None"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_set(arguments, message):
    before = now()
    with pytest.raises(ValueError, match=message):
        deterministic(**arguments)
    assert now() == before


def test_a_setting_that_cannot_be_applied_undoes_the_ones_before_it(monkeypatch):
    before = now()

    def fail(count):
        raise RuntimeError("no more threads")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="no more threads"):
        patch.setattr(torch, "set_num_threads", fail)
        deterministic(threads=1)
    assert now() == before


def test_the_report_reads_as_a_table():
    with deterministic(threads=1) as report:
        lines = str(report).splitlines()
    assert len(lines) == len(SETTINGS)
    assert lines[-1].startswith("torch.set_num_threads")
    assert "2 -> 1" in lines[-1]
