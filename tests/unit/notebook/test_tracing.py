"""``samerun.trace`` around code in cells: what it says is what it says of a script with the same code."""

from __future__ import annotations

import gc
import runpy
from functools import cache
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from torch.optim import Optimizer
from torch.utils.data import dataloader

from samerun.tracing import Trace, process

TRAINING = """\
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(1)
torch.manual_seed(2)
rng = np.random.default_rng(3)
model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2), nn.Linear(4, 1))
teacher = nn.Linear(3, 1)
optimizer = torch.optim.Adam(model.parameters())
for (x,) in DataLoader(TensorDataset(torch.randn(12, 3)), batch_size=4, shuffle=True):
    loss = (model(x) - teacher(x)).square().mean() * rng.random()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.fixture(autouse=True)
def _what_takes_long_is_done_once(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "environment", cache(dict))
    monkeypatch.setattr(process, "_git", lambda: None)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bare(bare, monkeypatch):
    """A notebook that IPython knows of, whose models are gone when the next one begins."""
    monkeypatch.setattr(InteractiveShell, "_instance", bare.shell)
    yield bare
    bare.shell.reset()
    gc.collect()


def in_block(path: str, code: str = TRAINING, **options: object) -> str:
    lines = "\n".join(f"    {line}" for line in code.splitlines())
    return f"import samerun\nwith samerun.trace({path!r}, **{options}):\n{lines}"


def told(path: str) -> tuple[list[bytes], set[str], list[tuple[str, int]]]:
    """Return the digests of the steps, what the series are about, and where something was noted."""
    with Trace(path) as trace:
        notes = [note for note in trace.notes() if "place" in note.value]
        places = [(Path(note.value["place"]["file"]).name, note.value["place"]["line"]) for note in notes]
        return [step.digest for step in trace.steps()], {str(series) for series in trace.series.values()}, places


def of_a_script() -> tuple[list[bytes], set[str], list[tuple[str, int]]]:
    Path("train.py").write_text(in_block("script.trace"))
    runpy.run_path("train.py", run_name="__main__")
    gc.collect()  # its models are gone
    return told("script.trace")


def test_a_cell_is_recorded_as_a_script_is_and_named_by_its_number(bare):
    hooked = Optimizer.__init__, dataloader.DataLoader.__init__, dataloader._BaseDataLoaderIter.__next__
    steps, series, places = of_a_script()
    bare(in_block("A.trace"), "rng", "model[0].weight", in_block("B.trace"))
    assert hooked == (Optimizer.__init__, dataloader.DataLoader.__init__, dataloader._BaseDataLoaderIter.__next__)
    assert len(steps) == 3
    assert {"rng __main__.rng", "parameters __main__.teacher"} <= series
    first, second = told("A.trace"), told("B.trace")
    assert first[:2] == second[:2] == (steps, series)
    assert {file for file, _ in places} == {"train.py"}
    assert first[2] == [("In[4]", line) for _, line in places]
    assert second[2] == [("In[7]", line) for _, line in places]


def test_a_cell_that_is_run_again_has_its_new_number_at_every_level(bare):
    cell = in_block("A.trace", level=3, steps=(0, 1), force=True)
    for number in (4, 5):
        bare(cell)
        with Trace("A.trace") as trace:
            ops = [event.value for event in trace.events() if event.series.kind == "op"]
        assert ops
        assert [value for value in ops if f'"In[{number}]"' not in value or "ipython-input" in value] == []


def test_a_script_that_a_cell_runs(bare):
    expected = of_a_script()
    Path("train.py").write_text(TRAINING)
    bare("import samerun", "with samerun.trace('A.trace'):\n    %run train.py")
    steps, series, places = told("A.trace")
    assert (steps, series) == expected[:2]
    assert {file for file, _ in places} == {"train.py"}


def test_a_cell_that_fails_or_has_nothing_to_record(bare):
    assert "planted" in str(bare.failing(in_block("A.trace", f"{TRAINING}\nraise ValueError('planted')")))
    with Trace("A.trace") as trace:
        assert trace.finished == "exception: ValueError: planted"
    assert "no optimizer step" in str(bare.failing("with samerun.trace('B.trace'): pass"))
    bare(in_block("C.trace"))
    assert len(told("C.trace")[0]) == 3
