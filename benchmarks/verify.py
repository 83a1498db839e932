"""The computing time of trying a script out, against that of one run of it."""

from __future__ import annotations

import resource
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import Comparison, Sampler, Target
from samerun.verify import Script, choose, verify

_ROUNDS = 2

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
for epoch in range(first, 4):
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
        _row(f"verify{' --quick' * quick}, {what}", textwrap.dedent(_SCRIPT).format(**parts), quick=quick)
        for quick in (False, True)
        for what, parts in (("nothing differs", _CURED), ("a plain loop", _PLAIN))
    ]


def _row(what: str, script: str, *, quick: bool) -> Comparison:
    ours = _sampler(script, lambda folder: _verify(folder, quick=quick))
    theirs = _sampler(script, lambda folder: subprocess.run([sys.executable, "train.py"], cwd=folder, check=True))
    return Comparison(what, "one run of the script", ours, theirs, Target("ratio", 6.0 if quick else 12.0), _ROUNDS)


def _verify(folder: Path, *, quick: bool) -> None:
    verify(Script((sys.executable, "train.py"), cwd=folder), choose(quick=quick), quick=quick)


def _sampler(script: str, run: Callable[[Path], object]) -> Sampler:
    def sample() -> float:
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "train.py").write_text(script)
            before = _computed()
            run(folder)
            return _computed() - before

    return sample


def _computed() -> float:
    """Return the seconds of computing time of all processes that were started and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
