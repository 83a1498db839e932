from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import runs
from samerun.cli.app import app
from samerun.divergence.explain import explain
from samerun.divergence.rerun import Command
from samerun.errors import ProcessError, TraceError
from samerun.tracing.draws import Draw
from samerun.tracing.format import Phase
from samerun.tracing.launch.command import run
from samerun.tracing.ops import Op
from samerun.tracing.reader import Trace
from samerun.tracing.settings import Settings

# What each variant does is on the line that says so in its comment.
SCRIPT = """
import pathlib
import random
import sys

import numpy as np
import torch
from torch import nn

variant = sys.argv[1]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(8, 1)

    def forward(self, inputs):
        hidden = self.drop(torch.relu(self.hidden(inputs)))
        if variant == "scaled" and step == 2:
            hidden = hidden * 1.0000001  # scaled
        return self.out(hidden)


def plot_samples():
    return np.random.rand(3)  # draws


def runs_before():
    counter = pathlib.Path("counter")
    count = int(counter.read_text()) if counter.exists() else 0
    counter.write_text(str(count + 1))
    return count


random.seed(0), np.random.seed(0), torch.manual_seed(0)
if variant == "early":
    plot_samples()
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
raced = variant == "race" and runs_before() in (1, 4)
for step in range(10**9 if "forever" in sys.argv else 5):
    if variant == "late" and step == 3:
        plot_samples()
    inputs = torch.from_numpy(np.random.rand(6, 4).astype("f4"))
    loss = model(inputs).square().mean()
    optimizer.zero_grad()
    loss.backward()
    if raced and step == 2:
        model.out.bias.grad += 1  # raced
    optimizer.step()
"""


def line(comment: str) -> int:
    return next(n for n, text in enumerate(SCRIPT.splitlines(), 1) if text.endswith(f"# {comment}"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    (folder / "train.py").write_text(SCRIPT)
    return folder


def traced(folder: Path, variant: str, monkeypatch: pytest.MonkeyPatch, name: str | None = None) -> Path:
    path = folder / f"{name or variant}.trace"
    if not path.exists():
        monkeypatch.chdir(folder)
        assert run([sys.executable, "train.py", variant], Settings.checked(path)).code == 0
    return path


def test_a_draw_before_the_first_step_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, early = traced(folder, "plain", monkeypatch), traced(folder, "early", monkeypatch)
    found = explain(plain, early)
    assert found.place is not None
    assert (found.place.step, found.place.series.kind) == (0, "loss")  # generators are looked at after the step first
    assert (found.differing, found.repeated, found.race) == (1, (1, 1), False)
    assert found.finding is not None
    assert (found.finding.kind, found.finding.first) == ("draw", None)
    draw = found.finding.second
    assert isinstance(draw, Draw)
    assert (draw.count, draw.stack[0].line, draw.stack[0].function) == (6, line("draws"), "plot_samples")
    text = found.text(folder)
    assert "The second run took 6 draws from NumPy's global generator, which the first did\nnot:" in text
    assert f"  train.py:{line('draws')} in plot_samples\n    return np.random.rand(3)" in text


@pytest.mark.gallery
def test_commands_that_are_given_are_killed_after_the_step_in_question(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, late = traced(folder, "plain", monkeypatch), traced(folder, "late", monkeypatch)
    commands = [[sys.executable, "train.py", variant, "forever"] for variant in ("late", "plain")]
    result = CliRunner().invoke(
        app, ["explain", str(late), str(plain), "--json", "--", *commands[0], "--", *commands[1]]
    )
    assert result.exit_code == 1, result.output
    told = json.loads(result.stdout)
    assert (told["place"]["step"], told["race"], told["finding"]["kind"]) == (3, False, "draw")
    assert told["finding"]["second"] is None
    assert told["finding"]["first"]["stack"][0]["line"] == line("draws")
    assert "train.py late forever (in " in result.stderr


@pytest.mark.gallery
def test_an_operation_is_named_with_how_its_values_differ(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, scaled = traced(folder, "plain", monkeypatch), traced(folder, "scaled", monkeypatch)
    found = explain(plain, scaled)
    assert found.place is not None
    assert found.finding is not None
    assert found.place.step == 2
    # The multiplication is one operation more; the first that both carry out has other inputs.
    assert found.finding.kind == "entered"
    second = found.finding.second
    assert isinstance(second, Op)
    assert second.module == "Net.out"
    assert found.values["output 0"].ulps is not None
    assert found.values["output 0"].differing > 0


@pytest.mark.gallery
def test_a_race_is_told_with_how_often(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (traced(folder, "race", monkeypatch, name) for name in ("race-a", "race-b"))
    found = explain(first, second, times=2)
    assert found.place is not None
    assert (found.place.step, found.place.phase) == (2, Phase.GRADIENTS)
    assert [place == found.place for place in found.reruns] == [False, True]
    assert found.reruns[0] is None
    assert (found.race, found.repeated) == (True, (1, 0))
    assert "of 2 pairs of reruns, 1 differed" in found.text()
    assert found.finding is not None
    assert found.finding.passed is not None  # the optimizer was given other gradients; before that one run did more
    assert found.finding.passed.first is not None
    assert found.finding.passed.first.stack[0].line == line("raced")
    assert "  # raced" in found.text()


@pytest.mark.gallery
def test_a_script_that_was_changed_since_is_no_race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    first = traced(tmp_path, "plain", monkeypatch)
    script.write_text(SCRIPT.replace("np.random.seed(0)", "np.random.seed(1)"))
    second = traced(tmp_path, "plain", monkeypatch, "changed")
    result = CliRunner().invoke(app, ["explain", "--json", str(first), str(second)])
    assert result.exit_code == 2, result.output
    told = json.loads(result.stdout)
    assert (told["race"], told["outdated"], told["changed"]) == (False, True, [[str(script)], []])
    assert (told["repeated"], len(told["reruns"])) == ([0, 1], 1)
    assert result.stderr.startswith(f"{script} was changed or removed since {first} was recorded\n")


@pytest.mark.gallery
def test_equal_traces_need_no_explanation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, again = traced(folder, "plain", monkeypatch), traced(folder, "plain", monkeypatch, "again")
    result = CliRunner().invoke(app, ["explain", str(plain), str(again)])
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.gallery
def test_a_script_that_records_itself_is_run_again_beside_its_trace(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "\n".join(f"    {text}" for text in SCRIPT.splitlines())
    (folder / "own.py").write_text(f"import sys\nimport samerun\nwith samerun.trace(sys.argv[1] + '.own'):\n{body}\n")
    monkeypatch.chdir(folder)
    paths = []
    for variant in ("plain", "early"):
        subprocess.run([sys.executable, "own.py", variant], check=True, cwd=folder)
        paths.append(folder / f"{variant}.own")
    before = [path.read_bytes() for path in paths]
    found = explain(*paths)
    assert found.finding is not None
    assert isinstance(found.finding.second, Draw)
    assert found.finding.second.stack[0].function == "plot_samples"
    assert [path.read_bytes() for path in paths] == before


@pytest.mark.gallery
def test_a_rerun_that_fails_is_told_with_the_end_of_its_output(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, late = traced(folder, "plain", monkeypatch), traced(folder, "late", monkeypatch)
    with pytest.raises(ProcessError) as caught:
        explain(plain, late, commands=[(sys.executable, "-c", "print('no data'); raise SystemExit(3)")])
    assert caught.value.code == 3
    assert "no data" in caught.value.output


def test_a_run_that_ended_still_has_its_number_when_its_group_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that is free may be somebody else's by then."""
    killed, kill = [], os.killpg

    def killpg(group: int, sent: int) -> None:
        os.kill(group, 0)  # raises unless it is there, alive or as a zombie
        killed.append(group)
        kill(group, sent)

    monkeypatch.setattr(os, "killpg", killpg)
    os.mkfifo(tmp_path / "open")
    held = os.open(tmp_path / "open", os.O_RDONLY | os.O_NONBLOCK)
    child = "import os, signal; os.open('open', os.O_WRONLY); os.fork() or signal.pause()"
    command = Command((sys.executable, "-c", child), tmp_path, {})
    with pytest.raises(ProcessError) as caught:
        command.run(Settings.checked(tmp_path / "A.trace"), 1)
    assert (len(killed), caught.value.code) == (1, 0)
    with pytest.raises(ChildProcessError):
        os.waitpid(killed[0], 0)  # it was waited for
    assert select.select([held], [], [], 30)[0]  # what it left behind has ended too
    os.close(held)


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({}, "does not say which command"),
        ({"command": {"argv": ["python", "-m", "ipykernel_launcher", "-f", "x.json"]}}, "in a notebook"),
        ({"command": {"argv": ["python"]}}, "an interactive session"),
        ({"command": {"argv": ["python", "train.py"], "cwd": "/nowhere/at/all"}}, "which is not there"),
        ({"command": {"argv": ["python", "train.py"]}, "world_size": 2}, "one of 2 processes"),
    ],
)
def test_what_cannot_be_run_again_is_refused_with_what_to_do(
    tmp_path: Path, meta: dict[str, object], reason: str
) -> None:
    other = tmp_path / "B.trace"
    runs.record(tmp_path / "A.trace", meta=meta)
    runs.record(other, lambda step, *what: (step, what) if step > 4 else what, meta=meta)
    result = CliRunner().invoke(app, ["explain", str(tmp_path / "A.trace"), str(other)])
    assert result.exit_code == 2
    assert reason in result.stderr
    assert "-- " in result.stderr


def test_a_command_has_the_environment_of_its_recording(tmp_path: Path) -> None:
    told = {"argv": ["python", "train.py", "--lr", "1"], "executable": "/usr/bin/python9", "cwd": str(tmp_path)}
    environment = {"variables": {"OMP_NUM_THREADS": "3", "MKL_CBWR": None}}
    path = runs.record(tmp_path / "A.trace", meta={"command": told, "environment": environment, "hashseed": 7})
    with Trace(path) as trace:
        command = Command.recorded(trace)
        given = Command.given(["train"], trace)
    assert command.argv == ("/usr/bin/python9", "train.py", "--lr", "1")
    assert command.cwd == tmp_path
    assert command.variables == {"OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "7"}
    assert (given.argv, given.variables) == (("train",), command.variables)


@pytest.mark.parametrize("command", ["python train.py", ["python"], {"argv": 3}, {"argv": {}, "cwd": 1}])
def test_damaged_meta_is_refused(tmp_path: Path, command: object) -> None:
    path = runs.record(tmp_path / "A.trace", meta={"command": command, "config": 7, "environment": ["x"]})
    with Trace(path) as trace, pytest.raises(TraceError):
        Command.recorded(trace)
