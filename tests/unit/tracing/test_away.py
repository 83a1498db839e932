"""Tensors of devices. The CPU plays the device here; ``tests/gpu`` counts what a real one waits for."""

from __future__ import annotations

import copy
import gc
import sqlite3
import weakref
from contextlib import closing
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import samerun
import watched
from samerun.errors import TraceError
from samerun.tracing import away, fingerprint
from samerun.tracing.away import Away, is_away
from samerun.tracing.fingerprint import Tensors, held_digest, row_digests, tensor_digest
from samerun.tracing.later import Later, now
from samerun.tracing.reader import Series, Trace


@dataclass
class Device:
    """What is said to be away, and how often it was waited for."""

    waits: int = 0
    sizes: list[int] = field(default_factory=list)
    fails: bool = False


@pytest.fixture
def device(monkeypatch):
    """Take every plain tensor for one of a device."""
    found, to_host = Device(), away._to_host

    def plain(tensor):
        return type(tensor) in away.PLAIN and tensor.layout is torch.strided and not tensor.is_quantized

    def counted(flat):
        if found.fails:
            raise RuntimeError("planted: the device is gone")
        found.waits += 1
        found.sizes.append(flat.numel())
        return to_host(flat)

    for module in (away, fingerprint):
        monkeypatch.setattr(module, "is_away", plain)
    monkeypatch.setattr(away, "_to_host", counted)
    return found


def odd_tensors():
    complex_ones = torch.randn(4, dtype=torch.complex64)
    return [
        *(torch.randn(5, 3), torch.tensor(2.5), torch.zeros(0, 3), torch.ones(3, dtype=torch.bool)),
        *(torch.randn(4, 6)[::2].t(), complex_ones.conj(), complex_ones.conj().imag, nn.Parameter(torch.randn(3))),
        *(torch.randn(7).to(torch.float8_e4m3fn), torch.arange(5, dtype=torch.int16)),
    ]


def test_nothing_is_away_where_there_is_a_cpu_only():
    assert not any(is_away(tensor) for tensor in (*odd_tensors(), torch.zeros(2, device="meta")))


@pytest.mark.parametrize(("most", "waits"), [(256 << 20, 1), (60, 6), (0, 12)])
def test_digests_are_those_of_the_tensors_as_they_were(device, monkeypatch, most, waits):
    monkeypatch.setattr(away, "_MOST", most)
    tensors = [*odd_tensors(), None, odd_tensors()[0]]
    tensors.append(tensors[0])
    expected = [bytes(16) if tensor is None else tensor_digest(tensor) for tensor in tensors]
    found = Tensors(Away()).digests(tensors)
    with torch.no_grad():
        for tensor in tensors:
            if tensor is not None:
                tensor.zero_()
    assert [now(digest) for digest in found] == expected
    assert most == 0 or all(size <= most for size in device.sizes)
    assert device.waits == waits


def test_a_nested_batch_of_which_a_part_is_away(device, monkeypatch):
    here = torch.arange(3.0)
    monkeypatch.setattr(fingerprint, "is_away", lambda tensor: tensor is not here)
    batch = {"x": torch.randn(3, 4), "meta": {"ids": here, "names": ["a", "b", "c"]}, "seen": SimpleNamespace(n=1)}
    before = copy.deepcopy(batch)
    hold = Away().once()
    digest, rows = held_digest(batch, hold), row_digests(batch, hold=hold)
    assert isinstance(digest, Later)
    assert isinstance(rows, Later)
    batch["x"].zero_()
    here.zero_()
    batch["meta"]["names"].reverse()
    del batch["seen"]
    assert now(digest) == fingerprint.digest(before)
    assert now(rows) == row_digests(before)
    assert device.waits == 1


def test_wrappers_of_tensors_that_are_away(device):
    sparse = torch.eye(3).to_sparse()
    expected = tensor_digest(sparse)
    assert now(held_digest([sparse], Away().once())) == fingerprint.digest([sparse])
    assert now(held_digest(sparse, Away().once())) == expected
    assert device.waits == 2


def test_what_is_held_keeps_no_tensor_alive(device):
    tensor = torch.randn(3)
    gone = weakref.ref(tensor)
    (found,) = Away().hold([tensor], lambda flat, dtype, shape: flat.numel())
    del tensor
    gc.collect()
    assert gone() is None
    assert now(found) == 12


def content(path):
    """Return all that a file says but when it was written."""
    with closing(sqlite3.connect(path)) as file:
        rows = {
            table: file.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in ("series", "events", "layouts", "states", "notes")
        }
        return {**rows, "steps": file.execute("SELECT step, seq, digest, loss FROM steps").fetchall()}


def with_average() -> str:
    """Train with an average of the weights, which is nobody's parameters, and a learning rate that is a tensor."""
    watched.seed()
    model = watched.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.01), foreach=False)
    average = torch.optim.swa_utils.AveragedModel(model)
    for batch in watched.loader():
        optimizer.zero_grad()
        watched.loss_of(model, batch).backward()
        optimizer.step()
        average.update_parameters(model)
    return watched.bits(model, average)


@pytest.mark.parametrize("training", [*watched.TRAININGS, with_average], ids=lambda training: training.__name__)
def test_the_file_is_that_of_a_run_on_the_cpu_and_a_step_waits_once(tmp_path, request, training):
    with samerun.trace(tmp_path / "A.trace"):
        expected = training()
    device = request.getfixturevalue("device")
    with samerun.trace(tmp_path / "B.trace"):
        assert training() == expected
    whole, again = content(tmp_path / "A.trace"), content(tmp_path / "B.trace")
    assert again == whole
    # An average is read once more where the loader is at its end, after the last step.
    assert 0 < device.waits <= len(whole["steps"]) + (training is with_average)


def test_on_the_cpu_nothing_is_held(record, monkeypatch):
    held = []
    monkeypatch.setattr(Away, "hold", lambda *_: held.append(_))
    record(watched.plain)
    assert held == []


def test_a_file_that_is_read_in_the_middle_of_a_step_ends_with_the_last_whole_one(device, tmp_path):
    def training():
        model = nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            model(torch.randn(4, 2)).sum().backward()
            if step == 2:
                with Trace(tmp_path / "A.trace") as trace:
                    assert [event.step for event in trace.events() if event.series.kind == "parameters"] == [0, 0, 1]
            optimizer.step()

    with pytest.MonkeyPatch.context() as patch, samerun.trace(tmp_path / "A.trace"):
        patch.setattr("samerun.tracing.writer._INTERVAL", 0.0)
        training()
    with Trace(tmp_path / "A.trace") as trace:
        assert len(trace.steps()) == 3


class Batches(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.full((2,), float(index))


def test_what_waits_when_the_run_ends_is_written(device, record):
    trace = record(lambda: list(DataLoader(Batches())))
    assert len(trace.of(Series("batch", "Batches[4]"), 0)) == 4
    assert device.waits == 1


def test_a_device_that_fails_ends_the_recording_and_not_the_run(device, tmp_path, capsys):
    before, after = watched.plain(), []
    device.fails = True
    with pytest.raises(TraceError, match="recording failed"), samerun.trace(tmp_path / "A.trace"):
        after.append(watched.plain())
    assert after == [before]
    assert "recording failed: RuntimeError: planted: the device is gone" in capsys.readouterr().err
    with Trace(tmp_path / "A.trace") as trace:
        assert trace.steps() == []
        assert "planted" in trace.finished
