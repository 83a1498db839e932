"""The computing time of trying a script out, against that of one run of it; both without the starts of processes.

A start is what a run of no epochs takes: that of Python, the imports, the model and the data.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.harness import Comparison, Target
from samerun.verify import Script, choose, verify
from samerun.verify.processes import Processes

_ROUNDS = 2
_STARTS = 5

# About ten seconds of one core beside the start, most of them in the steps. What differs by the loader and by where the
# step draws from is put in.
_SCRIPT = """
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import samerun

torch.set_num_threads(1)
torch.manual_seed(0)
data = TensorDataset(torch.randn(480, 512))
model = nn.Sequential(nn.Linear(512, 1024), nn.Dropout(0.1), *(nn.Linear(1024, 1024) for _ in range(4)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
{setup}
first = 0
if os.path.exists("last.pt"):
    saved = torch.load("last.pt", weights_only=True)
    model.load_state_dict(saved["model"])
    {load}
    first = saved["epoch"]
for epoch in range(first, {epochs}):
    for (batch,) in loader:
        with {context}:
            model(batch.repeat(16, 1)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
    torch.save(dict(model=model.state_dict(), epoch=epoch + 1, **{state}), "next.pt")
    os.replace("next.pt", "last.pt")
"""
_PLAIN = {
    "setup": "from contextlib import nullcontext\nloader = DataLoader(data, batch_size=32, shuffle=True)",
    "load": "pass",
    "context": "nullcontext()",
    "state": "{}",
}
_CURED = {
    "setup": "loader = samerun.DataLoader(data, batch_size=32, shuffle=True, seed=0)\nstream = samerun.Stream(0)",
    "load": "loader.load_state_dict(saved['loader']); stream.load_state_dict(saved['stream'])",
    "context": "stream",
    "state": "{'loader': loader.state_dict(), 'stream': stream.state_dict()}",
}


def rows() -> list[Comparison]:
    """Return a row for the default set and the quick one, for a script that fails and for one that passes."""
    return [
        _row(f"verify{' --quick' * quick}, {what}", parts, quick=quick)
        for quick in (False, True)
        for what, parts in (("nothing differs", _CURED), ("a plain loop", _PLAIN))
    ]


def _row(what: str, parts: dict[str, str], *, quick: bool) -> Comparison:
    def ours() -> float:
        return _net(parts, lambda folder: _verify(folder, quick=quick))

    target = Target("ratio", 6.0 if quick else 12.0)
    return Comparison(what, "one run of the script", ours, lambda: _net(parts, _run), target, _ROUNDS)


def _net(parts: dict[str, str], run: Callable[[Path], int]) -> float:
    """Return the seconds that ``run`` took, without the starts, whose number it returns."""
    seconds, starts = _computed(_script(parts, epochs=4), run)
    return seconds - starts * _start(_script(parts, epochs=0))


@cache
def _start(script: str) -> float:
    return median(_computed(script, _run)[0] for _ in range(_STARTS))


def _script(parts: dict[str, str], epochs: int) -> str:
    return textwrap.dedent(_SCRIPT).format(**parts, epochs=epochs)


def _run(folder: Path) -> int:
    subprocess.run([sys.executable, "train.py"], cwd=folder, check=True)
    return 1


def _verify(folder: Path, *, quick: bool) -> int:
    processes = Processes()
    verify(Script((sys.executable, "train.py"), cwd=folder), choose(quick=quick), quick=quick, processes=processes)
    return processes.started


def _computed(script: str, run: Callable[[Path], int]) -> tuple[float, int]:
    """Return the seconds of computing time of all processes that ``run`` started, and what it returns."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train.py").write_text(script)
        before = _children()
        starts = run(folder)
        return _children() - before, starts


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
