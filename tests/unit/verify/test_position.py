"""The step of the whole run that a process finds itself at."""

import gc
import json
from collections import OrderedDict
from copy import deepcopy

import pytest
import torch
from torch.optim import optimizer as hooks

import samerun
from samerun.divergence.align import align
from samerun.tracing import Trace
from samerun.verify.inside import position
from samerun.verify.inside.process import Process
from samerun.verify.life import write_steps


def train(turns, rounds, saved=None):
    """Train two models whose optimizers take turns, the actor's being number 0; return what a checkpoint holds."""
    torch.manual_seed(0)
    critic, actor = torch.nn.Linear(4, 1), torch.nn.Linear(4, 4)
    optimizers = {
        "actor": torch.optim.SGD(actor.parameters(), lr=0.01),
        "critic": torch.optim.Adam(critic.parameters(), lr=0.01),
    }
    parts = [critic, actor, *optimizers.values()]
    for part, state in zip(parts, saved or (), strict=False):
        part.load_state_dict(state)
    for number in rounds:
        noise = torch.randn(8, 4, generator=torch.Generator().manual_seed(number))
        for name in turns:
            optimizers[name].zero_grad()
            critic(actor(noise)).square().mean().backward()
            optimizers[name].step()
    return deepcopy([part.state_dict() for part in parts])


@pytest.fixture
def begins(tmp_path, monkeypatch):
    """Return a function that trains as a process that was given a table, and returns the step it says it begins at."""
    for name in ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks"):
        monkeypatch.setattr(hooks, name, OrderedDict(getattr(hooks, name)))
    monkeypatch.setenv(position.TABLE, str(tmp_path / "steps.json"))

    def told(*arguments):
        gc.collect()  # the optimizers of the whole run, which a process that resumes it does not have
        position.disturb(Process(tmp_path / "report.jsonl"), None)
        train(*arguments)
        return json.loads((tmp_path / "report.jsonl").read_text())["step"]

    return told


@pytest.mark.parametrize("turns", [("actor", "critic"), ("critic", "actor"), ("critic", "critic", "actor")])
def test_where_a_process_with_two_optimizers_begins(tmp_path, begins, turns):
    with samerun.trace(tmp_path / "A.trace"):
        train(turns, range(6))
    write_steps(tmp_path / "A.trace", tmp_path / "steps.json")
    saved = train(turns, range(4))
    with samerun.trace(tmp_path / "B.trace"):
        assert begins(turns, range(4, 6), saved) == 4 * len(turns)
    with Trace(tmp_path / "A.trace") as whole, Trace(tmp_path / "B.trace") as resumed:
        assert align(whole, resumed).offset == 4 * len(turns)


def test_a_process_begins_anew_if_nothing_that_it_has_is_in_the_table(tmp_path, begins):
    (tmp_path / "steps.json").write_text("{}")
    assert begins(("actor", "critic"), range(2)) == 0
