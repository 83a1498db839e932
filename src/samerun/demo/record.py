"""What a process of the experiment leaves behind: fingerprints and loss per step, parameters per epoch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Record", "Step"]


class Step(NamedTuple):
    """One step: fingerprints of the batch and of the parameters and buffers after it, and the loss."""

    batch: str
    model: str
    loss: float


@dataclass(frozen=True)
class Record:
    """What a process left behind.

    Attributes:
        steps: every step.
        parameters: after each epoch that ended, ``float32[number of parameters]``.
    """

    steps: list[Step] = field(default_factory=list)
    parameters: list[np.ndarray[Any, Any]] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path) -> Record:
        """Read what :meth:`save` wrote."""
        steps = [Step(*step) for step in json.loads((folder / "record.json").read_text())]
        return cls(steps, list(np.load(folder / "parameters.npy", allow_pickle=False)))

    def state_dict(self) -> dict[str, Any]:
        """Return it as plain lists and arrays, for a ``samerun.Run`` to keep."""
        return {"steps": [list(step) for step in self.steps], "parameters": list(self.parameters)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what :meth:`state_dict` gave."""
        self.steps[:] = [Step(*step) for step in state["steps"]]
        self.parameters[:] = state["parameters"]

    def save(self, folder: Path) -> None:
        """Write what :meth:`load` reads."""
        (folder / "record.json").write_text(json.dumps(self.steps))
        np.save(folder / "parameters.npy", np.stack(self.parameters), allow_pickle=False)
