"""Scripts that are tried out in processes forked from one that has imported torch."""

from samerun.verify.processes import Processes

LOOP = """
import sys
from pathlib import Path

import torch

{before}
torch.manual_seed(0)
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
{load}
for step in range(12):
    model(torch.randn(4, 2)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    if step % 4 == 3:
        torch.save(model.state_dict(), "last.pt")
{after}
"""


class Born(Processes):
    """Processes forked from one that has imported torch."""

    def __init__(self, nursery):
        super().__init__()
        self.nursery = nursery
        self.runs = 0

    @property
    def computed(self):
        return self.runs

    def run(self, argv, *, cwd, variables, log, timeout, enough=None):
        self.runs += 1
        (code,) = self.nursery.run([{"argv": list(argv), "cwd": str(cwd), "env": variables, "log": str(log)}])
        return code
