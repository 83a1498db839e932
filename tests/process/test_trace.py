"""``samerun trace``: unmodified programs, however they are started and however they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import traced
from samerun.errors import TraceError
from samerun.tracing import Trace
from samerun.tracing.launch.command import run
from samerun.tracing.reader import Series, open_run
from samerun.tracing.settings import Settings

PROGRAM = traced.__file__
STEPS = 6
SAMERUN = [sys.executable, "-m", "samerun"]


@pytest.fixture(autouse=True)
def _path(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)


def launch(*command: str, **options):
    return run([sys.executable, *command], Settings.checked("A.trace", **options))


def steps(path: str = "A.trace") -> int:
    with Trace(path) as trace:
        return len(trace.steps())


AVERAGED = """
import torch
from torch.optim.swa_utils import AveragedModel

model = torch.nn.Linear(2, 1)
average = AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    model(torch.ones(4, 2)).square().mean().backward()
    optimizer.step()
    average.update_parameters(model)
"""


def test_what_a_script_changes_behind_its_last_step_is_recorded_as_it_ends(tmp_path):
    Path("averaged.py").write_text(AVERAGED)
    assert launch("averaged.py").code == 0
    with Trace("A.trace") as trace:
        events = trace.of(Series("parameters", "__main__.average"), 0)
        assert [event.step for event in events] == [0, 1, 2, 3]
        assert trace.finished == "exit"


def untraced(way: str) -> str:
    return subprocess.run([sys.executable, PROGRAM, way], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def bits():
    return untraced("plain")


def test_a_script_prints_the_same_bits(bits):
    answer = subprocess.run(
        [*SAMERUN, "trace", "-o", "A.trace", "--", sys.executable, PROGRAM, "plain"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == bits
    path = Path("A.trace").absolute()
    assert answer.stderr == f"rank 0: {path} (9 steps, exit)\n"
    with Trace("A.trace") as trace:
        meta = trace.meta
        assert meta["command"]["argv"] == [sys.executable, PROGRAM, "plain"]
        assert meta["command"]["cwd"] == str(Path.cwd())
        assert meta["source"]["path"] == PROGRAM
        assert (meta["rank"], meta["world_size"]) == (0, 1)
        assert meta["environment"]["threads"]["intra_op"] == 1
        assert [note.value["place"]["file"] for note in trace.notes("seed")] == [traced.watched.__file__] * 3


LOOKS_FIRST = """
from importlib.util import find_spec

assert find_spec("torch") is not None and find_spec("torch").loader is not None
import sys
assert "torch" not in sys.modules
exec(open({program!r}).read())
"""


def test_a_script_that_looks_whether_torch_is_installed_before_it_imports_it(tmp_path):
    (tmp_path / "train.py").write_text(LOOKS_FIRST.format(program=PROGRAM))
    assert launch("train.py", "plain").code == 0
    assert steps() == 9


@pytest.mark.slow
def test_a_script_that_imports_transformers_before_torch(tmp_path):
    (tmp_path / "train.py").write_text(f"import transformers\nexec(open({PROGRAM!r}).read())")
    assert launch("train.py", "plain").code == 0
    assert steps() == 9


def test_a_module_and_a_sitecustomize_that_was_there(tmp_path, bits, capfd):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.was_there = __file__\n")
    (tmp_path / "entry.py").write_text(
        "import sys, sitecustomize, traced\n"
        "assert sys.was_there == sitecustomize.__file__ and not [p for p in sys.path if 'launch' in p]\n"
        "import json; print(json.dumps(traced.plain()))\n"
    )
    os.environ["PYTHONPATH"] = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    outcome = launch("-m", "entry")
    assert (outcome.code, list(outcome.traces)) == (0, ["rank 0"])
    assert capfd.readouterr().out == bits
    assert steps() == 9


@pytest.mark.parametrize(
    ("way", "code", "reason", "said"),
    [
        ("raises", 1, "exception: ValueError: planted", "ValueError: planted"),
        ("exits", 3, "exit", ""),
    ],
)
def test_programs_that_end_early(way, code, reason, said, capfd):
    assert launch(PROGRAM, way).code == code
    assert said in capfd.readouterr().err
    with Trace("A.trace") as trace:
        assert (len(trace.steps()), trace.finished) == (STEPS, reason)


@pytest.mark.parametrize(
    ("way", "code"), [pytest.param("terminated", 128 + 15, marks=pytest.mark.gallery), ("killed", 128 + 9)]
)
def test_a_program_that_is_killed_leaves_a_valid_trace_of_all_but_the_last_second(way, code, monkeypatch):
    monkeypatch.setenv("KILL_AT", "2000")
    assert launch(PROGRAM, way, record=["rng", "loss"]).code == code
    with Trace("A.trace") as trace:
        found = trace.steps()
        assert trace.finished is None
        assert 100 < len(found) <= 2001
        assert [step.step for step in found] == list(range(len(found)))


@pytest.mark.gallery
def test_children_that_are_forked_and_spawned_have_files_of_their_own():
    outcome = launch(PROGRAM, "children")
    assert outcome.code == 0
    assert list(outcome.traces) == ["rank 0", "process 1", "process 2", "process 3"]
    runs = [Trace(path) for path in outcome.traces.values()]
    assert [len(trace.steps()) for trace in runs] == [STEPS] * 4
    assert len({trace.meta["pid"] for trace in runs}) == 4
    assert [trace.finished for trace in runs] == ["exit"] * 4
    # They all did the same, and the children were there before their parent trained.
    assert len({trace.steps()[-1].digest for trace in runs}) == 1
    for trace in runs:
        trace.close()


@pytest.mark.gallery
def test_two_ranks_have_a_trace_each(capfd):
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", PROGRAM, "ranks"]
    subprocess.run([sys.executable, *torchrun], check=True)
    before = capfd.readouterr().out
    outcome = launch(*torchrun)
    assert outcome.code == 0
    assert sorted(capfd.readouterr().out.split()) == sorted(before.split())  # whichever rank is first
    assert {name: path.name for name, path in outcome.traces.items()} == {
        "rank 0": "A.trace",
        "rank 1": "A.rank1.trace",
    }
    found = open_run("A.trace")
    first, second = found.values()
    assert (second.meta["rank"], second.meta["world_size"]) == (1, 2)
    assert [len(first.steps()), len(second.steps())] == [3, 3]
    gradients, batches = (
        [[event.digest for event in trace.events() if event.series.kind == kind] for trace in (first, second)]
        for kind in ("gradients", "batch")
    )
    assert gradients[0] == gradients[1]
    assert not set(batches[0]) & set(batches[1])
    for trace in found.values():
        trace.close()


def test_a_program_that_does_not_train_is_told_of(capfd):
    answer = subprocess.run([*SAMERUN, "trace", "-o", "A.trace", sys.executable, PROGRAM, "nothing"], check=False)
    assert answer.returncode == 2
    assert "nothing was recorded" in capfd.readouterr().err
    assert not Path("A.trace").exists()


def test_a_command_that_is_not_there():
    with pytest.raises(TraceError, match="'no-such-program' cannot be run"):
        run(["no-such-program"], Settings.checked("A.trace"))


def test_a_folder_that_is_not_there():
    with pytest.raises(TraceError, match="there is no folder"):
        run([sys.executable, "-c", ""], Settings.checked("folder/A.trace"))


@pytest.mark.parametrize(
    "wrong", [["--steps", "10"], ["--steps", "9:3"], ["--record", "colour"], ["--level", "4"], ["--every", "0"]]
)
def test_wrong_usage(wrong):
    from click.testing import CliRunner

    from samerun.cli.app import app

    answer = CliRunner().invoke(app, ["trace", "-o", "A.trace", *wrong, "true"])
    assert answer.exit_code == 2
    assert wrong[1].split(":")[0] in answer.output
    assert not Path("A.trace").exists()


def test_options_reach_the_program(tmp_path):
    (tmp_path / "echo.py").write_text("import sys, json; print(json.dumps(sys.argv[1:]))")
    arguments = ["-o", "--level", "9", "--", "-x"]
    command = [*SAMERUN, "trace", "-o", "A.trace", "--", sys.executable, "echo.py", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(answer.stdout) == arguments
