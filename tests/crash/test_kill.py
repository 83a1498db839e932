"""A training on digits is killed again and again, and ends as the one that was not."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

import samerun
import trainings  # noqa: F401  # does once what takes seconds, before processes are forked
from draws import draw
from samerun.checkpoint import Store
from samerun.run import folder as module
from samerun.state import first_difference
from samerun.testing import FaultyFiles

EPOCHS, BATCH, SIZE = 2, 32, 320

pytestmark = [pytest.mark.timeout(1200), pytest.mark.filterwarnings("ignore:two loaders have seed")]


class Digits(Dataset):
    """Some of scikit-learn's digits with noise."""

    def __init__(self) -> None:
        datasets = pytest.importorskip("sklearn.datasets")
        digits = datasets.load_digits()
        self.images = torch.from_numpy(digits.images[:SIZE]).float() / 16
        self.labels = torch.from_numpy(digits.target[:SIZE])

    def __len__(self) -> int:
        return SIZE

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.images[index].flatten() + draw()[0], self.labels[index]


def train(directory: Path, digits: Dataset, keep: int = 2) -> dict[str, object]:
    torch.set_num_threads(1)
    run = samerun.Run(directory, seed=42, save_every=3, keep=keep)
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    loader = samerun.DataLoader(digits, batch_size=BATCH, shuffle=True, seed=42)
    run.track(model=model, optimizer=optimizer, scheduler=scheduler, loader=loader)
    for _ in run.epochs(EPOCHS):
        for images, labels in run.batches(loader):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            run.log(loss=loss)
        scheduler.step()
        run.log(drawn=torch.rand(()))
    run.close()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "metrics": (directory / "metrics.jsonl").read_bytes(),
    }


def start(directory: Path, digits: Dataset, files: FaultyFiles | None = None) -> int:
    """Train in a forked child, which stores what it ends with; return its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        if files is not None:
            module.Store = lambda folder, **ranks: Store(folder, files=files, **ranks)
        end = train(directory, digits)
        result = directory.with_name(f"{directory.name}-end")
        result.mkdir(exist_ok=True)  # one before may have been killed when all was done
        Store(result).save(0, end)
        code = 0
    finally:
        os._exit(code)


def wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def end(directory: Path) -> object:
    return Store(directory.with_name(f"{directory.name}-end")).load(0).state


@pytest.fixture(scope="module")
def digits():
    return Digits()


@pytest.fixture(scope="module")
def uninterrupted(digits, tmp_path_factory):
    """What the training ends with, and how long it takes."""
    directory = tmp_path_factory.mktemp("crash") / "uninterrupted"
    began = time.monotonic()
    assert wait(start(directory, digits)) == 0
    return end(directory), time.monotonic() - began


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_is_the_same_run(tmp_path, digits, uninterrupted, kills):
    expected, duration = uninterrupted
    moments = random.Random(kills)
    killed = number = 0
    while killed < kills:
        directory = tmp_path / f"run-{number}"
        number += 1
        for _ in range(4):  # kills of one run
            child = start(directory, digits)
            # The moment is what is tested: any other condition to wait for would be the same one each time.
            time.sleep(moments.uniform(0, 0.8 * duration))
            os.kill(child, signal.SIGKILL)
            if wait(child) == 0:
                break
            killed += 1
        else:
            assert wait(start(directory, digits)) == 0
        assert first_difference(expected, end(directory)) is None


def killed_at_event(directory: Path, digits: Dataset, at: int) -> int:
    return wait(start(directory, digits, FaultyFiles(at, lambda: os.kill(os.getpid(), signal.SIGKILL))))


def events(digits: Dataset, directory: Path) -> int:
    """How many operations on the disk a whole run makes, which deletes checkpoints too."""
    files = FaultyFiles(-1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        module.Store = lambda folder, **ranks: Store(folder, files=files, **ranks)
        train(directory, digits)
        os.write(writing, str(len(files.events)).encode())
        os._exit(0)
    assert wait(child) == 0
    os.close(writing)
    with os.fdopen(reading) as count:
        return int(count.read())


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_file_events_it_is_the_same_run(tmp_path, digits, uninterrupted, stride):
    expected, _ = uninterrupted
    count = events(digits, tmp_path / "counted")
    assert count > 80
    for at in range(0, count, stride):
        directory = tmp_path / f"run-{at}"
        assert killed_at_event(directory, digits, at) == -signal.SIGKILL
        # Once more, on the way to where it was, or in what tidies up after the first one.
        # Nothing is left to do where the last checkpoint was on the disk already.
        assert killed_at_event(directory, digits, at % 7) in (-signal.SIGKILL, 0)
        assert wait(start(directory, digits)) == 0
        assert first_difference(expected, end(directory)) is None
        assert not list(directory.glob(".step-*"))


def test_a_step_less_is_another_end(uninterrupted, digits, tmp_path, monkeypatch):
    # The negative control of the comparison: the lines behind the checkpoint are not cut off.
    expected, _ = uninterrupted
    assert len(expected["metrics"].splitlines()) == EPOCHS * (SIZE // BATCH + 1)
    monkeypatch.setattr("samerun.run.folder.Metrics.cut", lambda metrics, size: None)
    assert killed_at_event(tmp_path / "run", digits, 40) == -signal.SIGKILL
    assert wait(start(tmp_path / "run", digits)) == 0
    assert first_difference(expected, end(tmp_path / "run")).path == "['metrics']"
