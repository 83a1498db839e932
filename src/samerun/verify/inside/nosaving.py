"""Nothing is saved, but files are there, empty, for what gives them another name."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samerun.verify.inside.saves import SAVES, paths, replace

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]


# Of samerun's own checkpoints nothing is begun, so that none is missed when it is looked for.
_PLACES = (
    *(place for place in SAVES if place[2] != "commit"),
    ("samerun.checkpoint.writer", "Writer", "save"),
)


def disturb(process: Process, _: object) -> None:
    """Let every function that saves make an empty file in place of what it would write."""

    def no_save(save: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(save)
        def empty(*args: Any, **kwargs: Any) -> None:
            for path in paths(args, kwargs):
                Path(os.fsdecode(path)).touch()

        return empty

    replace(process, no_save, _PLACES)
