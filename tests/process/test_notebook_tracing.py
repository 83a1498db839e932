"""A real kernel that records: a block in a cell, and every cell where the command that starts the kernel is traced."""

from __future__ import annotations

from kernels import kernel
from samerun.tracing import Trace
from samerun.tracing.launch.command import injected
from samerun.tracing.settings import Settings

TRAINING = """\
import random, numpy, torch
random.seed(1), numpy.random.seed(1), torch.manual_seed(1)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    model(torch.randn(4, 2)).sum().backward()
    optimizer.step()
"""
IN_BLOCK = "import samerun\nwith samerun.trace('block.trace'):\n" + TRAINING.replace("\n", "\n    ").join(["    ", ""])
WRITTEN = "from samerun.tracing.session import Session; Session.active.recorder.writer.commit()"


def told(path):
    with Trace(path) as trace:
        places = {
            (note.value["place"]["file"], note.value["place"]["line"]) for note in trace.notes("seed", "optimizer")
        }
        return [step.digest for step in trace.steps()], places


def test_cells_of_a_kernel_are_recorded_by_number(tmp_path):
    with kernel(tmp_path) as cell:
        cell.values("1", IN_BLOCK.rstrip())
    with kernel(tmp_path, **injected(Settings.checked(tmp_path / "whole.trace"))) as cell:
        cell.values(TRAINING, WRITTEN)
    (steps, places), (again, by_command) = told(tmp_path / "block.trace"), told(tmp_path / "whole.trace")
    assert len(steps) == 3
    assert again == steps
    assert places == {("In[2]", 4), ("In[2]", 6)}
    assert by_command == {("In[1]", 2), ("In[1]", 4)}
