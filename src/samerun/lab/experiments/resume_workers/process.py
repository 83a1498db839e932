"""What the processes do: run to the end, stop and save, or resume in every way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

import samerun
from samerun.lab.draws import GlobalDraws, PrivateDraws
from samerun.lab.experiments.resume_workers.cells import BATCHES, CELLS, EPOCHS, STOPS, Cell, Way, ways

__all__ = ["Step", "resume", "run", "stop"]

_SEED = 42
_BATCH_SIZE = 3

#: One step: the indices of its batch, what its items drew, and what the training drew.
Step = list[list[float]]


@dataclass
class _Training:
    loader: Any
    generators: tuple[Any, ...]

    @classmethod
    def make(cls, cell: Cell, *, replaying: bool = False) -> _Training:
        samerun.seed_everything(_SEED)
        dataset = (PrivateDraws if cell.randomness == "private" else GlobalDraws)(BATCHES * _BATCH_SIZE)
        generator = torch.Generator().manual_seed(_SEED + 1) if cell.randomness == "generator=" else None
        loader = _MAKERS[cell.loader](
            dataset,
            batch_size=_BATCH_SIZE,
            shuffle=True,
            generator=generator,
            num_workers=int(cell.workers[0]),
            persistent_workers=cell.workers == "2 persistent",
            **({"snapshot_every_n_steps": BATCHES + 1} if replaying and cell.loader == "torchdata" else {}),
        )
        return cls(loader, (dataset, generator) if generator is not None else (dataset,))

    def capture(self) -> dict[str, torch.Tensor]:
        return samerun.capture(*self.generators).state_dict()

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        samerun.restore(state, *self.generators)

    def steps(self, batches: Iterator[torch.Tensor]) -> Iterator[Step]:
        """Train on what is left of an epoch; the training draws as well, as dropout does."""
        for batch in batches:
            drawn = [random.random(), float(np.random.random()), float(torch.rand((), dtype=torch.float64))]
            yield [batch[:, 0].tolist(), batch[:, 1:].flatten().tolist(), drawn]

    def epochs(self, count: int) -> Iterator[Step]:
        """Train that many epochs."""
        for _ in range(count):
            yield from self.steps(iter(self.loader))


def _torchdata(*arguments: Any, **settings: Any) -> Any:
    from torchdata.stateful_dataloader import StatefulDataLoader

    return StatefulDataLoader(*arguments, **settings)


_MAKERS = {"torch": DataLoader, "torchdata": _torchdata, "samerun": samerun.DataLoader}


def run(loader: str) -> dict[str, list[Step]]:
    """Return the uninterrupted runs of a loader."""
    cells = {cell.uninterrupted: cell for cell in CELLS if cell.loader == loader}
    return {name: list(_Training.make(cell).epochs(EPOCHS)) for name, cell in cells.items()}


def stop(loader: str, folder: str) -> None:
    """Train every cell of a loader until its stop, and save a checkpoint for each way of resuming it."""
    for number, cell in enumerate(CELLS):
        if cell.loader == loader:
            for replaying in {way.replayed for way in ways(cell)}:
                torch.save(_stopped(cell, replaying), _checkpoint(folder, number, replaying))


def _checkpoint(folder: str, number: int, replaying: bool) -> Path:
    return Path(folder, f"{number}-{replaying}.pt")


def _stopped(cell: Cell, replaying: bool) -> dict[str, Any]:
    training = _Training.make(cell, replaying=replaying)
    epochs, batches = STOPS[cell.where]
    list(training.epochs(epochs))
    beginning = training.capture()
    if batches:
        epoch = training.steps(iter(training.loader))
        list(islice(epoch, batches))
    state = training.loader.state_dict() if hasattr(training.loader, "state_dict") else None
    return {"rng": training.capture(), "beginning": beginning, "loader": state}


def resume(loader: str, folder: str) -> dict[str, dict[str, list[Step]]]:
    """Return what follows the stop of every cell of a loader, for each way in which it is resumed."""
    return {
        cell.name: {way.name: _resumed(cell, way, _checkpoint(folder, number, way.replayed)) for way in ways(cell)}
        for number, cell in enumerate(CELLS)
        if cell.loader == loader
    }


def _resumed(cell: Cell, way: Way, checkpoint: Path) -> list[Step]:
    state = torch.load(checkpoint, weights_only=True)
    training = _Training.make(cell, replaying=way.replayed)
    if way.stateful:
        training.loader.load_state_dict(state["loader"])
    if way.primed:
        training.loader.state_dict()
    if way.replayed:
        training.restore(state["beginning"])
    if way.restored == "before iter":
        training.restore(state["rng"])
    batches = iter(training.loader)
    if way.restored == "after iter":
        training.restore(state["rng"])
    epochs, seen = STOPS[cell.where]
    list(islice(batches, 0 if way.stateful else seen))
    if way.restored == "after skipping":
        training.restore(state["rng"])
    return [*training.steps(batches), *training.epochs(EPOCHS - epochs - 1)]
