"""Where in the whole run this process is: the step whose parameters it begins with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["TABLE", "disturb"]

#: The environment variable that names a file: the digests of parameters, and how many steps they stand behind.
TABLE = "SAMERUN_VERIFY_STEPS"


def disturb(process: Process, _: object) -> None:
    """Tell of each step of an optimizer; nothing is changed."""
    process.when_imported("torch", lambda: _watch(process))


def _watch(process: Process) -> None:
    from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

    behind = -1

    def begins(optimizer: Any, *_: object) -> None:
        nonlocal behind
        if behind >= 0 or not process.is_first:
            return
        process.start = behind = _start(optimizer)
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


def _start(optimizer: Any) -> int:
    """Return how many steps the parameters of an optimizer are behind, as the table says; 0 if it does not."""
    from samerun.tracing.away import Away
    from samerun.tracing.later import now
    from samerun.tracing.owners import alive
    from samerun.tracing.training import Training

    table = os.environ.get(TABLE)
    if not table:
        return 0
    digest = now(Training(optimizer, alive(), Away()).parameters().digest).hex()
    steps: dict[str, int] = json.loads(Path(table).read_text(encoding="utf-8"))
    return steps.get(digest, 0)
