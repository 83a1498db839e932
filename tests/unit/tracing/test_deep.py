from __future__ import annotations

import json
import os
import random
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

from samerun.tracing.draws import Draw
from samerun.tracing.ops import Op
from samerun.tracing.reader import Trace
from samerun.tracing.session import RERUN, trace
from samerun.tracing.settings import Settings

STEPS = 6


def train(model: nn.Module, call: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(STEPS):
        loss = call(torch.randn(4, 3)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def observations(path: Path) -> dict[str, set[int]]:
    """Return the steps that have observations of each kind."""
    with Trace(path) as found:
        events = found.events()
    return {kind: {event.step for event in events if event.series.kind == kind} for kind in ("output", "op", "draw")}


@pytest.mark.parametrize(("level", "kinds"), [(1, set()), (2, {"output"}), (3, {"output", "op", "draw"})])
def test_levels_see_what_they_are_for_in_their_steps_only(tmp_path: Path, level: int, kinds: set[str]) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    with trace(tmp_path / "A.trace", level=level, steps=range(2, 4)):
        train(model, model)
    assert observations(tmp_path / "A.trace") == {
        kind: {2, 3} if kind in kinds else set() for kind in ("output", "op", "draw")
    }


def test_what_comes_before_the_first_step_belongs_to_it(tmp_path: Path) -> None:
    with trace(tmp_path / "A.trace", level=3, steps=range(1)):
        random.random()
        made = torch.randn(3)
        model = nn.Linear(3, 1)
        train(model, model)
    with Trace(tmp_path / "A.trace") as found:
        events = [event for event in found.events() if event.series.kind in ("op", "draw")]
    first = events[0]
    assert (first.step, str(first.series)) == (0, "draw python")
    read = Draw.read(first.series.name, first.digest, str(first.value))
    assert read.stack[0].function == "test_what_comes_before_the_first_step_belongs_to_it"
    op = Op.read(events[1].series.name, events[1].digest, str(events[1].value), events[1].parts)
    assert (op.name, op.drew, len(op.outputs)) == ("aten.randn.default", "torch.cpu", 1)
    assert made.shape == (3,)


@pytest.mark.parametrize("level", [2, 3])
def test_a_compiled_model_is_compiled_once_more_at_most_and_gives_the_same_bits(tmp_path: Path, level: int) -> None:
    def run(around: object) -> tuple[int, bytes]:
        torch.compiler.reset()
        torch.manual_seed(5)
        counter, model = CompileCounter(), nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        with around:
            train(model, torch.compile(model, backend=counter, fullgraph=True))
        return counter.frame_count, model[0].weight.detach().numpy().tobytes()

    compiled, bits = run(trace(tmp_path / "A.trace", level=level, steps=range(4)))
    assert compiled <= 2
    assert (1, bits) == run(nullcontext())


def test_a_forked_child_is_not_followed(tmp_path: Path) -> None:
    with trace(tmp_path / "A.trace", level=3):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, str(torch._C._len_torch_dispatch_stack()).encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reader, 9) == b"0"
        train(model := nn.Linear(3, 1), model)


def test_a_block_that_is_run_again_records_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, first, other = (tmp_path / name for name in ("temporary/new.trace", "A.trace", "B.trace"))
    wanted.parent.mkdir()
    settings = Settings.checked(wanted, level=2).dumps()
    monkeypatch.setenv(RERUN, json.dumps({"path": str(first), "settings": settings}))
    for path in (first, other):
        with trace(path):
            train(model := nn.Linear(3, 1), model)
    assert sorted(path.name for path in wanted.parent.iterdir()) == ["beside-B.trace", "new.trace"]
    assert not first.exists()
    assert observations(wanted)["output"]
