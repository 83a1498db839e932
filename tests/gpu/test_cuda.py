"""On a real CUDA device; elsewhere the stand-in of ``unit/rng/test_devices.py`` plays it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from samerun.determinism import deterministic
from samerun.errors import DeterminismError
from samerun.rng import RngState, capture, isolate, restore, seed_everything

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.fixture(autouse=True)
def _initialised():
    torch.cuda.init()


def draw():
    return torch.rand(8, device="cuda").tolist()


def test_captured_restored_and_isolated():
    state = capture()
    assert "torch.cuda:0" in state.names
    first = draw()
    with isolate():
        seed_everything(1)
        draw()
    assert draw() != first
    loaded = RngState()
    loaded.load_state_dict(state.state_dict())
    restore(loaded)
    assert draw() == first
    assert state.diff(capture())["torch.cuda:0"].draws > 0


def test_private_cuda_generators():
    generator = torch.Generator("cuda").manual_seed(1)
    state = capture([generator])
    first = torch.rand(4, device="cuda", generator=generator).tolist()
    restore(state, [generator])
    assert torch.rand(4, device="cuda", generator=generator).tolist() == first


@pytest.mark.parametrize("scheme", ["classic", "independent"])
def test_seeding_before_and_after_initialisation_is_the_same(scheme):
    code = f"""
import sys, torch, samerun
if sys.argv[1] == "before":
    report = samerun.seed_everything(7, scheme={scheme!r})
    assert not torch.cuda.is_initialized() and report.pending
    torch.cuda.init()
else:
    torch.cuda.init()
    samerun.seed_everything(7, scheme={scheme!r})
print(torch.rand(4, device="cuda").tolist())
"""
    answers = {
        subprocess.run([sys.executable, "-c", code, when], capture_output=True, text=True, check=True).stdout
        for when in ("before", "after")
    }
    assert len(answers) == 1


def test_it_is_too_late_for_cublas(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with pytest.raises(DeterminismError):
        deterministic()
