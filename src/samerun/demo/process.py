"""One process of the experiment: train from one place to another, record every step, save a checkpoint.

Run as ``python -m samerun.demo.process SPEC.json``; prints a line per epoch.
"""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

import samerun
from samerun.demo.plan import Session
from samerun.demo.record import Record, Step
from samerun.demo.training import Training, train_epoch
from samerun.state import fingerprint

__all__ = ["main"]


def main(spec: Path) -> None:
    """Carry out the session described in a JSON file, in the file's folder."""
    session = Session(**json.loads(spec.read_text()))
    folder = spec.parent
    samerun.deterministic(threads=1)
    samerun.seed_everything(session.seed)
    loader = samerun.DataLoader if session.exact else DataLoader
    training = Training.make(
        session.epochs, loader, num_workers=session.num_workers, persistent_workers=session.persistent_workers
    )
    if session.resume is not None:
        _load(training, folder.parent / session.resume / "checkpoint.pt", with_rng=session.with_rng)
    _train(training, session, folder / "checkpoint.pt").save(folder)


def _train(training: Training, session: Session, checkpoint: Path) -> Record:
    record = Record()
    for epoch in range(session.first, session.stop):
        for step in train_epoch(training):
            _note(record, training, step)
        vector = torch.nn.utils.parameters_to_vector(training.model.parameters())
        record.parameters.append(vector.detach().numpy().copy())
        print(f"epoch {epoch} loss {record.steps[-1].loss:.4f}", flush=True)
    inside = train_epoch(training)
    for step in islice(inside, session.stop_inside):
        _note(record, training, step)
    _save(training, checkpoint)  # while the epoch is still open, if one is
    return record


def _note(record: Record, training: Training, step: tuple[torch.Tensor, float]) -> None:
    images, loss = step
    record.steps.append(Step(fingerprint(images), fingerprint(dict(training.model.state_dict())), loss))


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
