"""Where in the whole run this process is: the step whose parameters and optimizers it begins with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["TABLE", "disturb"]

#: The environment variable that names a file: digests of what optimizers train and of their states, and the
#: steps at whose beginning each stood, as the first one and the one after the last one.
TABLE = "SAMERUN_VERIFY_STEPS"


def disturb(process: Process, _: object) -> None:
    """Tell of each step of an optimizer; nothing is changed."""
    process.when_imported("torch", lambda: _watch(process))


def _watch(process: Process) -> None:
    from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

    behind = -1

    def begins(*_: object) -> None:
        nonlocal behind
        if behind >= 0 or not process.is_first:
            return
        process.start = behind = _start()
        process.tell("begins", step=process.start)
        # Now it comes after the recorder's, which counts the steps.
        register_optimizer_step_post_hook(ended)

    def ended(*_: object) -> None:
        nonlocal behind
        if process.is_first and (now := process.step) != behind:
            behind = now
            for act in process.at_step:
                act(now)

    register_optimizer_step_pre_hook(begins)


def _start() -> int:
    """Return how many steps what all optimizers train is behind, as the table says; 0 if it does not."""
    from samerun.tracing.away import Away
    from samerun.tracing.later import now
    from samerun.tracing.owners import alive
    from samerun.tracing.spans import first_of_most
    from samerun.tracing.training import Training

    table = os.environ.get(TABLE)
    if not table:
        return 0
    steps: dict[str, list[tuple[int, int]]] = json.loads(Path(table).read_text(encoding="utf-8"))
    states = []
    there = alive()
    for optimizer in there.optimizers:
        training = Training(optimizer, there, Away())
        # The parameters of one say more than the states of all.
        for record, weight in (training.parameters(), len(there.optimizers) + 1), (training.state(optimizer), 1):
            if record is not None:
                states.append(([range(*stood) for stood in steps.get(now(record.digest).hex(), ())], weight))
    return first_of_most(states)[0]
