"""Which framework runs the training, if one does."""

from __future__ import annotations

import sys
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]

# Module, class and method that a training with it goes through, and what the framework is called.
_PLACES = (
    ("transformers.trainer", "Trainer", "train", "transformers"),
    ("lightning.pytorch.trainer.trainer", "Trainer", "fit", "lightning"),
    ("pytorch_lightning.trainer.trainer", "Trainer", "fit", "lightning"),
    ("accelerate", "Accelerator", "prepare", "accelerate"),
)


def disturb(process: Process, _: object) -> None:
    """Tell of each framework that trains, in that order; nothing is changed."""
    for module, kind, method, framework in _PLACES:
        process.when_imported(module, partial(_watch, process, module, kind, method, framework))


def _watch(process: Process, module: str, kind: str, method: str, framework: str) -> None:
    owner = getattr(sys.modules[module], kind)
    original = getattr(owner, method)

    @wraps(original)
    def told(*args: Any, **kwargs: Any) -> Any:
        if process.is_first:
            process.tell("framework", framework=framework)
        return original(*args, **kwargs)

    setattr(owner, method, told)
