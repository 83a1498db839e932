"""Values that enter a step from outside of torch, which a trace does not hold."""

from __future__ import annotations

import subprocess
import sys

from samerun.divergence.causes.registry import diagnose
from samerun.divergence.compare import compare_runs
from samerun.divergence.evidence import Evidence

SCRIPT = """
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import samerun

torch.set_num_threads(1)
with samerun.trace("A.trace"):
    torch.manual_seed(1)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for (x,) in DataLoader(TensorDataset(torch.randn(8, 3)), batch_size=4):
        optimizer.zero_grad()
        (model(x).square().mean() * (1 + os.getpid() / 1e6)).backward()
        optimizer.step()
"""


def test_a_loss_made_of_the_process_id_is_not_said_to_be_a_kernels_doing_for_certain(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    started = [subprocess.Popen([sys.executable, str(script)], cwd=folder) for folder in folders]
    assert [process.wait() for process in started] == [0, 0]
    run = compare_runs(*(folder / "A.trace" for folder in folders))
    found = diagnose(Evidence(run.worst))
    run.close()
    assert run.worst.divergence.series.kind == "loss"
    kernel = [diagnosis for diagnosis in found if diagnosis.cause == "nondeterministic-kernel"]
    assert not any(diagnosis.certain for diagnosis in found)
    assert "samerun explain" in kernel[0].details[0]
