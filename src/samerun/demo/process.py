"""One process of the experiment: train from one epoch to another, record every step, save a checkpoint.

Run as ``python -m samerun.demo.process SPEC.json``; prints a line per epoch.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import samerun
from samerun.demo.plan import Session
from samerun.demo.record import Record
from samerun.demo.training import Training, train_epoch
from samerun.state import fingerprint

__all__ = ["main"]


def main(spec: Path) -> None:
    """Carry out the session described in a JSON file, in the file's folder."""
    session = Session(**json.loads(spec.read_text()))
    folder = spec.parent
    samerun.deterministic(threads=1)
    samerun.seed_everything(session.seed)
    training = Training.make(session.epochs, session.num_workers, session.persistent_workers)
    if session.resume is not None:
        _load(training, folder.parent / session.resume / "checkpoint.pt", with_rng=session.with_rng)
    _train(training, session).save(folder)
    _save(training, folder / "checkpoint.pt")


def _train(training: Training, session: Session) -> Record:
    steps: list[tuple[str, str]] = []
    losses: list[float] = []
    parameters: list[np.ndarray] = []
    for epoch in range(session.first, session.stop):
        epoch_losses = []
        for images, loss in train_epoch(training):
            steps.append((fingerprint(images), fingerprint(dict(training.model.state_dict()))))
            epoch_losses.append(loss)
        losses.append(sum(epoch_losses) / len(epoch_losses))
        vector = torch.nn.utils.parameters_to_vector(training.model.parameters())
        parameters.append(vector.detach().numpy().copy())
        print(f"epoch {epoch} loss {losses[-1]:.4f}", flush=True)
    return Record(steps, losses, np.stack(parameters))


def _save(training: Training, path: Path) -> None:
    state: dict[str, Any] = {
        "model": training.model.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "scheduler": training.scheduler.state_dict(),
        "rng": samerun.capture().state_dict(),
    }
    torch.save(state, path)


def _load(training: Training, path: Path, *, with_rng: bool) -> None:
    state = torch.load(path, weights_only=True)
    training.model.load_state_dict(state["model"])
    training.optimizer.load_state_dict(state["optimizer"])
    training.scheduler.load_state_dict(state["scheduler"])
    if with_rng:  # last, and at an epoch boundary before iter(loader)
        samerun.restore(state["rng"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
