from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader as TorchDataLoader

import samerun
from noisy import Noisy
from samerun.checkpoint import Store
from samerun.errors import CheckpointError, RunError, SamerunWarning, StateError
from samerun.run import folder, schedule, surroundings
from samerun.state import first_difference
from samerun.testing import FaultyFiles

pytestmark = pytest.mark.filterwarnings("ignore:two loaders have seed")


def loader(**arguments):
    return samerun.DataLoader(Noisy(6), batch_size=2, seed=1, **arguments)


def train(directory, steps=3, things=None, **arguments):
    run = samerun.Run(directory, **{"seed": 42, "save_every": 1, **arguments})
    try:
        run.track(loader=(data := loader()), **(things or {}))
        for batch in run.batches(data, steps=steps):
            for thing in (things or {}).values():
                if isinstance(thing, nn.Module):
                    thing(batch.float())
        return run
    finally:
        run.close()


def steps(directory):
    return sorted(int(path.name.removeprefix("step-")) for path in Path(directory).glob("step-*"))


# --- what differs from the checkpoint


def norm(features=7):
    return nn.Sequential(nn.BatchNorm1d(features))


def adam(model, groups=1):
    return torch.optim.Adam([{"params": [parameter]} for parameter in [*model.parameters()][:groups]])


class Counter:
    count = torch.zeros(2, dtype=torch.int64)

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class Stubborn(Counter):
    def load_state_dict(self, state):
        """Take nothing."""


def counter(kind=Counter, **attributes):
    thing = kind()
    vars(thing).update(attributes)
    return thing


REFUSED = {
    "a missing thing": (
        lambda: {"a": counter()},
        dict,
        r"a: found a state in the checkpoint, expected a tracked thing",
    ),
    "a new thing": (dict, lambda: {"a": counter()}, r"a: found nothing in the checkpoint, expected a state"),
    "a shape": (
        lambda: {"a": counter()},
        lambda: {"a": counter(count=torch.zeros(3, dtype=torch.int64))},
        r"a\['count'\]: found torch.int64\[2\], expected torch.int64\[3\]",
    ),
    "a dtype": (
        lambda: {"a": counter()},
        lambda: {"a": counter(count=torch.zeros(2))},
        r"a\['count'\]: found torch.int64\[2\], expected torch.float32\[2\]",
    ),
    "a shape of a model": (
        lambda: {"a": norm()},
        lambda: {"a": nn.Sequential(nn.BatchNorm1d(7, affine=False))},
        r"a\['0.(weight|bias)'\]: found a value in the checkpoint, expected none",
    ),
    "a new layer": (
        lambda: {"a": nn.Sequential(nn.BatchNorm1d(7, affine=False))},
        lambda: {"a": norm()},
        r"a\['0.(weight|bias)'\]: found nothing in the checkpoint, expected a value",
    ),
    "groups of an optimizer": (
        lambda: {"a": adam(norm(), 2)},
        lambda: {"a": adam(norm(), 1)},
        r"a\['param_groups'\]: found groups of \[1, 1\] parameters, expected groups of \[1\]",
    ),
    "generators inside": (
        lambda: {"a": [np.random.default_rng(1)]},
        lambda: {"a": [np.random.default_rng(1), np.random.default_rng(2)]},
        r"a: objects\[0\]\[1\]: found no state, expected one",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_differs_from_the_checkpoint_is_refused_by_name_or_waived(tmp_path, name):
    before, now, message = REFUSED[name]
    train(tmp_path, things=before())
    kept = steps(tmp_path)
    with pytest.raises(StateError, match=message):
        train(tmp_path, steps=4, things=now())
    assert steps(tmp_path) == kept
    if name not in ("a shape", "a dtype"):  # those a thing itself must be able to load
        assert train(tmp_path, steps=4, things=now(), waive=["a"]).step == 4


def test_what_does_not_take_its_state_is_refused(tmp_path):
    train(tmp_path, things={"a": counter(count=torch.ones(2))})
    with pytest.raises(RunError, match=r"Stubborn.load_state_dict did not take the saved state as it is: \['count'\]"):
        train(tmp_path, things={"a": counter(Stubborn, count=torch.zeros(2))})
    train(tmp_path, things={"a": counter(Stubborn, count=torch.zeros(2))}, waive=["a"])


def test_after_a_refusal_the_right_thing_can_be_tracked(tmp_path):
    train(tmp_path, things={"a": counter(count=torch.ones(2))})
    run = samerun.Run(tmp_path, seed=42)
    with pytest.raises(StateError, match="a\\['count'\\]"):
        run.track(a=counter(count=torch.zeros(3)))
    run.track(a=(right := counter(count=torch.zeros(2))))
    assert right.count.tolist() == [1, 1]
    run.track(a=right)
    with pytest.raises(ValueError, match="'a' is tracked already"):
        run.track(a=counter())
    run.close()


def test_another_seed_is_refused_and_the_directory_given_back(tmp_path):
    train(tmp_path)
    with pytest.raises(StateError, match="seed: found 42, expected 43"):
        samerun.Run(tmp_path, seed=43)
    samerun.Run(tmp_path, seed=43, waive=["seed"]).close()
    samerun.Run(tmp_path, seed=42).close()


@pytest.mark.parametrize("thing", [3, "text", object(), [], torch.zeros(2)])
def test_what_has_nothing_to_keep_is_refused(tmp_path, thing):
    run = samerun.Run(tmp_path, seed=42)
    with pytest.raises(TypeError, match="neither state_dict"):
        run.track(thing=thing)
    run.close()


def test_a_state_that_cannot_be_stored_is_refused_by_its_path(tmp_path):
    with pytest.raises(StateError, match=r"\['tracked'\]\['a'\]\['state'\]\['count'\]"):
        train(tmp_path, things={"a": counter(count=object())})


@pytest.mark.parametrize(
    "arguments",
    [
        {"rng": "other"},
        {"save_every": 0},
        {"accumulate": 0},
        {"max_time": "soon"},
        {"keep": 0},
        {"on_save_error": "ignore"},
        {"seed": -1},
    ],
)
def test_wrong_arguments_leave_nothing_behind(tmp_path, arguments):
    with pytest.raises(ValueError):
        samerun.Run(tmp_path, **{"seed": 1, **arguments})
    samerun.Run(tmp_path, seed=1).close()


# --- checkpoints


def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path):
    expected = train(tmp_path / "whole", steps=5, things={"a": norm()})._contents.states()
    train(tmp_path / "damaged", steps=4, things={"a": norm()})
    newest = tmp_path / "damaged" / "step-000000004" / "rank-00000.safetensors"
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    with pytest.warns(SamerunWarning, match="a newer checkpoint cannot be used, step 4: "):
        found = train(tmp_path / "damaged", steps=5, things={"a": norm()})
    assert first_difference(expected, found._contents.states()) is None


def test_if_all_are_damaged_nothing_is_done(tmp_path):
    train(tmp_path)
    for path in tmp_path.glob("step-*/manifest.json"):
        path.write_text("{")
    with pytest.raises(CheckpointError, match="no checkpoint can be used"):
        samerun.Run(tmp_path, seed=42)
    with pytest.raises(CheckpointError, match="no checkpoint can be used"):  # and not: it is owned
        samerun.Run(tmp_path, seed=42)


def full_disk(monkeypatch, at=0, **arguments):
    def store(directory, **ranks):
        return Store(directory, files=FaultyFiles(at, only=("create", "make_directory", "write"), **arguments), **ranks)

    monkeypatch.setattr(folder, "Store", store)


def test_a_full_disk_stops_the_run_and_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    train(tmp_path, steps=2)
    with monkeypatch.context() as patch, pytest.raises(CheckpointError, match=r"step 3 was not saved: .*No space left"):
        full_disk(patch, lasting=True)
        train(tmp_path, steps=6)
    assert steps(tmp_path) == [1, 2]
    assert train(tmp_path, steps=6).step == 6


def test_or_it_goes_on_with_a_warning(tmp_path, monkeypatch):
    full_disk(monkeypatch)
    with pytest.warns(SamerunWarning, match="step 1 was not saved"):
        train(tmp_path, steps=3, on_save_error="warn")
    assert steps(tmp_path) == [2, 3]


def test_saving_by_hand_before_the_place_of_the_checkpoint_changes_nothing(tmp_path):
    train(tmp_path, steps=3)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.glob("step-*/*")}
    run = samerun.Run(tmp_path, seed=42)
    run.save()
    run.log(loss=1)
    run.close()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("step-*/*")} == files
    assert (tmp_path / "metrics.jsonl").read_text() == ""


# --- the environment


def test_another_environment_is_told_or_refused(tmp_path, monkeypatch):
    train(tmp_path)
    changed = {**surroundings.here(), "threads": "another"}
    monkeypatch.setattr(surroundings, "here", lambda: changed)
    with pytest.warns(SamerunWarning, match=r"the environment is another one(?s:.)*threads"):
        samerun.Run(tmp_path, seed=42).close()
    with pytest.raises(RunError, match="threads"):
        samerun.Run(tmp_path, seed=42, on_environment_change="raise")
    samerun.Run(tmp_path, seed=42, on_environment_change="ignore").close()


# --- the end


def test_time_that_is_up_ends_the_process(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(schedule, "monotonic", lambda: now[0])
    run = samerun.Run(tmp_path, seed=42, max_time="1h")
    with pytest.raises(SystemExit) as ended:
        for _ in run.batches(loader(), steps=5):
            now[0] += 1800
    assert ended.value.code == 124
    assert (run.step, steps(tmp_path)) == (2, [2])
    run.close()
    run = samerun.Run(tmp_path, seed=42, max_time="1h")
    list(run.batches(loader(), steps=5))
    assert run.step == 5
    run.close()


def test_one_made_again_in_the_same_process_takes_over(tmp_path):
    first = samerun.Run(tmp_path, seed=42)
    second = samerun.Run(tmp_path, seed=42)
    for _ in second.batches(loader()):
        with pytest.raises(RunError, match="this process is inside a loop of the run there"):
            samerun.Run(tmp_path, seed=42)
        break
    del first, second
    samerun.Run(tmp_path, seed=42).close()


SIGNALLED = """
import os, signal, sys
import torch
import samerun

run = samerun.Run(sys.argv[1], seed=1, signals=(signal.SIGTERM, signal.SIGINT, signal.SIGUSR1))
number = int(sys.argv[2])
loader = samerun.DataLoader(torch.arange(9.0), seed=1)
for _ in run.batches(loader):
    if run.step == 4:
        print("in the body", flush=True)
        for _ in range(int(sys.argv[3])):
            os.kill(os.getpid(), number)
        print("end of the body", flush=True)
"""


@pytest.mark.parametrize(
    ("number", "times", "code"),
    [
        (signal.SIGTERM, 1, {143}),
        (signal.SIGUSR1, 1, {138}),
        (signal.SIGINT, 1, {130, -2}),  # Python lets the signal itself end the process, which a shell shows as 130
        (signal.SIGINT, 2, {-2}),
    ],
)
def test_a_signal_saves_at_the_next_boundary_and_ends_the_process(tmp_path, number, times, code):
    command = [sys.executable, "-c", SIGNALLED, str(tmp_path), str(int(number)), str(times)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert found.returncode in code, found.stderr
    assert ("end of the body" in found.stdout) == (times == 1)
    assert steps(tmp_path) == ([5] if times == 1 else [])
    if times == 1:
        assert not (tmp_path / "owner.json").exists()


GROUP = """
import sys, time, torch, samerun

run = samerun.Run(sys.argv[1], seed=1)
loader = samerun.DataLoader(torch.arange(9.0), seed=1, num_workers=2, persistent_workers=True)
run.track(loader=loader)
for _ in run.batches(loader, steps=30):
    if run.step == 20:  # all workers are at work
        print("in the body", flush=True)
        began = time.monotonic()
        while time.monotonic() - began < 2:  # a long step, in which a worker that died would be noticed
            pass
"""


def test_a_signal_to_the_whole_group_spares_the_workers_until_the_run_has_saved(tmp_path):
    command = [sys.executable, "-c", GROUP, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "in the body\n"
        os.killpg(process.pid, signal.SIGTERM)
        _, error = process.communicate(timeout=100)
    assert process.returncode == 143, error
    assert steps(tmp_path) == [21]


# --- what was forgotten


def test_check_names_what_is_alive_and_not_tracked(tmp_path):
    model = norm()
    optimizer = torch.optim.Adam(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    scaler = torch.amp.GradScaler("cpu")
    data, generator = TorchDataLoader(Noisy(4)), np.random.default_rng(1)
    run = samerun.Run(tmp_path, seed=42)
    found = set(run.check().found)
    expected = {
        ("module in training", "a torch.nn.modules.container.Sequential"),
        ("optimizer", "a torch.optim.adam.Adam"),
        ("scheduler", "a torch.optim.lr_scheduler.StepLR"),
        ("scaler", "a torch.amp.grad_scaler.GradScaler"),
        ("loader", "a torch.utils.data.dataloader.DataLoader over Noisy"),
        ("generator", "a numpy.random._generator.Generator"),
    }
    assert expected <= found
    count = len(run.check().found)
    run.track(model=model, optimizer=optimizer, scheduler=scheduler, scaler=scaler, loader=data, generator=generator)
    assert len(run.check().found) == count - len(expected)
    for _ in run.batches(data):
        assert len(run.check().found) == count - len(expected)
    run.close()


FORGOTTEN = """
import sys, torch, samerun
run = samerun.Run(sys.argv[1], seed=1)
loader = samerun.DataLoader(torch.arange(4.0), seed=1)
run.track(loader=loader)
for _ in run.batches(loader):
    pass
assert run.check(), str(run.check())
model = torch.nn.Linear(1, 1)
print(run.check())
"""


def test_check_finds_nothing_where_there_is_nothing(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", FORGOTTEN, str(tmp_path)], capture_output=True, text=True, timeout=100, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "module in training: a torch.nn.modules.linear.Linear" in found.stdout


# --- several ranks

RANKS = """
import os, sys
import torch
import torch.distributed as dist
import samerun
from samerun.run.loops import at_boundary

directory, rank, world, port, stop = sys.argv[1], *map(int, sys.argv[2:6])
dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
torch.set_num_threads(1)
run = samerun.Run(directory, seed=1, save_every=1)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
loader = samerun.DataLoader(torch.arange(12.0), batch_size=2, shuffle=True, seed=1)
run.track(model=model, optimizer=optimizer, loader=loader)
if stop > 0:
    at_boundary.append(lambda run: run.step == stop and rank == world - 1 and os.kill(os.getpid(), 15))
for _ in run.epochs(2):
    for batch in run.batches(loader):
        optimizer.zero_grad()
        (model(batch[:, None]) + torch.rand(()) + rank).square().mean().backward()
        optimizer.step()
        run.log(loss=float(rank))
        if stop < 0 and run.step == -stop and rank == world - 1:
            run.stop()
print(run.epoch, run.step)
end = {"model": model.state_dict(), "drawn": torch.rand(3), "stream": run._stream.state_dict()}
torch.save(end, f"{directory}-{rank}.pt")
dist.destroy_process_group()
"""


def in_ranks(directory, world, stop=0):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", RANKS, str(directory), str(rank), str(world), str(port), str(stop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    return [(*child.communicate(timeout=100), child.returncode) for child in children]


def test_two_ranks_resume_exactly_and_another_number_is_refused(tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert [code for *_, code in in_ranks(whole, 2)] == [0, 0]
    assert [code for *_, code in in_ranks(stopped, 2, stop=4)] == [124, 143]  # one was asked, and both stopped
    assert 4 in steps(stopped)
    assert "found a checkpoint of 2, expected 1; go on with as many as there were" in in_ranks(stopped, 1)[0][1]
    assert [code for *_, code in in_ranks(stopped, 2)] == [0, 0]
    for rank in range(2):
        expected, found = (torch.load(f"{directory}-{rank}.pt") for directory in (whole, stopped))
        assert first_difference(expected, found) is None
    assert (whole / "metrics.jsonl").read_bytes() == (stopped / "metrics.jsonl").read_bytes()


def test_two_ranks_end_early_if_one_says_so(tmp_path):
    for _ in range(2):  # the second time there is nothing left to do
        found = in_ranks(tmp_path / "early", 2, stop=-1)
        assert [code for *_, code in found] == [0, 0], found
        assert [output for output, *_ in found] == ["1 3\n", "1 3\n"]


# --- small matters


def logged(directory, steps=3):
    run = samerun.Run(directory, seed=42, save_every=1)
    run.track(loader=(data := loader()))
    for _ in run.batches(data, steps=steps):
        run.log(loss=1.0)
    run.close()
    return directory / "metrics.jsonl"


def test_a_metrics_file_that_was_cut_is_refused_unless_it_is_waived(tmp_path):
    path = logged(tmp_path)
    path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(CheckpointError, match=r"has 10 bytes and had \d+.*waive=\['metrics'\]"):
        samerun.Run(tmp_path, seed=42)
    samerun.Run(tmp_path, seed=42, waive=["metrics"]).close()
    assert len(path.read_bytes()) == 10


@pytest.mark.parametrize("lines", [1, 2])
def test_or_the_run_goes_on_from_an_older_checkpoint_whose_metrics_are_there(tmp_path, lines):
    whole = logged(tmp_path / "whole", steps=4).read_bytes()
    path = logged(tmp_path / "torn")
    size = len(whole) // 4
    path.write_bytes(path.read_bytes()[: lines * size + 5])  # in the middle of a line
    with pytest.warns(SamerunWarning, match=rf"step \d: metrics.jsonl: has {lines * size + 5} bytes and had "):
        logged(tmp_path / "torn", steps=4)
    assert path.read_bytes() == whole


def test_after_a_signal_the_same_run_begins_no_other_loop(tmp_path):
    run = samerun.Run(tmp_path, seed=42)
    run.track(loader=(data := loader()))
    with pytest.raises(KeyboardInterrupt):
        for _ in run.batches(data, steps=9):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(RunError, match=r"stopped by a signal.*make the run again"):
        next(iter(run.epochs(3)))
    again = samerun.Run(tmp_path, seed=42)
    again.track(loader=(data := loader()))
    assert len(list(again.batches(data, steps=9))) == 8
    again.close()


@pytest.mark.parametrize("keep", [0, -1])
def test_a_bad_rule_for_keeping_leaves_no_directory(tmp_path, keep):
    with pytest.raises(ValueError, match="newest must be"):
        samerun.Run(tmp_path / "new", seed=1, keep=keep)
    assert not (tmp_path / "new").exists()


def test_a_file_in_place_of_the_directory_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file, and a run needs a directory"):
        samerun.Run(tmp_path / "file", seed=1)
