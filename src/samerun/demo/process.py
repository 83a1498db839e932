"""One process of the experiment: train from one place to another, record every step, save a checkpoint.

Run as ``python -m samerun.demo.process SPEC.json``; prints a line per epoch.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

import samerun
from samerun.demo.plan import SAVE_EVERY, Session
from samerun.demo.record import Record, Step
from samerun.demo.training import Training, train_epoch
from samerun.state import fingerprint

__all__ = ["main"]


def main(spec: Path) -> None:
    """Carry out the session described in a JSON file, in the file's folder."""
    session = Session(**json.loads(spec.read_text()))
    folder = spec.parent
    samerun.deterministic(threads=1)
    record = _run(session, folder) if session.run else _resume_by_hand(session, folder)
    record.save(folder)


def _run(session: Session, folder: Path) -> Record:
    run = samerun.Run(folder / "run", seed=session.seed, save_every=SAVE_EVERY)
    first = run.step == 0
    training, record = Training.make(session.epochs, samerun.DataLoader), Record()
    run.track(
        model=training.model,
        optimizer=training.optimizer,
        scheduler=training.scheduler,
        loader=training.loader,
        record=record,
    )
    for epoch in run.epochs(session.epochs):
        for step in train_epoch(training, run.batches(training.loader)):
            _note(record, training, step)
            if first and len(record.steps) == session.killed:
                os.kill(os.getpid(), signal.SIGKILL)
        _end_epoch(record, training, epoch)
    return record


def _resume_by_hand(session: Session, folder: Path) -> Record:
    samerun.seed_everything(session.seed)
    loader = samerun.DataLoader if session.exact else DataLoader
    training = Training.make(
        session.epochs, loader, num_workers=session.num_workers, persistent_workers=session.persistent_workers
    )
    if session.resume is not None:
        _load(training, folder.parent / session.resume / "checkpoint.pt", with_rng=session.with_rng)
    return _train(training, session, folder / "checkpoint.pt")


def _train(training: Training, session: Session, checkpoint: Path) -> Record:
    record = Record()
    for epoch in range(session.first, session.stop):
        for step in train_epoch(training, training.loader):
            _note(record, training, step)
        _end_epoch(record, training, epoch)
    inside = train_epoch(training, training.loader)
    for step in islice(inside, session.stop_inside):
        _note(record, training, step)
    _save(training, checkpoint)  # while the epoch is still open, if one is
    return record


def _note(record: Record, training: Training, step: tuple[torch.Tensor, float]) -> None:
    images, loss = step
    record.steps.append(Step(fingerprint(images), fingerprint(dict(training.model.state_dict())), loss))


def _end_epoch(record: Record, training: Training, epoch: int) -> None:
    vector = torch.nn.utils.parameters_to_vector(training.model.parameters())
    record.parameters.append(vector.detach().numpy().copy())
    print(f"epoch {epoch} loss {record.steps[-1].loss:.4f}", flush=True)


def _save(training: Training, path: Path) -> None:
    state: dict[str, Any] = {
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "scheduler": training.scheduler.state_dict(),
        "rng": samerun.capture().state_dict(),
    }
    if isinstance(training.loader, samerun.DataLoader):
        state["loader"] = training.loader.state_dict()
    torch.save(state, path)


def _load(training: Training, path: Path, *, with_rng: bool) -> None:
    state = torch.load(path, weights_only=True)
    training.model.load_state_dict(state["model"])
    training.optimizer.load_state_dict(state["optimizer"])
    training.scheduler.load_state_dict(state["scheduler"])
    if isinstance(training.loader, samerun.DataLoader):
        training.loader.load_state_dict(state["loader"])
    if with_rng:  # last, and at an epoch boundary before iter(loader)
        samerun.restore(state["rng"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
