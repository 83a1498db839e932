"""What a process of the experiment leaves behind: a fingerprint per step, loss and parameters per epoch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Record"]


@dataclass(frozen=True)
class Record:
    """What a process left behind.

    Attributes:
        steps: for every step the fingerprints of the batch and of the parameters and buffers after it.
        losses: mean training loss by epoch.
        parameters: ``float32[epochs trained, number of parameters]`` after each epoch.
    """

    steps: list[tuple[str, str]]
    losses: list[float]
    parameters: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> Record:
        """Read what :meth:`save` wrote."""
        found = json.loads((folder / "record.json").read_text())
        steps = [(batch, model) for batch, model in found["steps"]]
        return cls(steps, found["losses"], np.load(folder / "parameters.npy", allow_pickle=False))

    def save(self, folder: Path) -> None:
        """Write what :meth:`load` reads."""
        (folder / "record.json").write_text(json.dumps({"steps": self.steps, "losses": self.losses}))
        np.save(folder / "parameters.npy", self.parameters, allow_pickle=False)
