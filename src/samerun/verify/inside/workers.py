"""Every torch DataLoader has another number of workers."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]

# Arguments that torch refuses where there are no workers.
_OF_WORKERS = ("prefetch_factor", "persistent_workers", "multiprocessing_context", "timeout")


def disturb(process: Process, setting: dict[str, Any]) -> None:
    """Give each loader that is made ``setting["num_workers"]`` workers, and ``setting["persistent"]`` ones or not."""
    process.when_imported("torch", lambda: _replace(setting["num_workers"], setting["persistent"]))


def _replace(num_workers: int, persistent: bool) -> None:
    from torch.utils.data import DataLoader

    original = DataLoader.__init__
    signature = inspect.signature(original)

    @wraps(original)
    def init(*args: Any, **kwargs: Any) -> None:
        given = signature.bind(*args, **kwargs)
        arguments = given.arguments
        if not num_workers:
            for name in _OF_WORKERS:
                arguments.pop(name, None)
        else:
            arguments["persistent_workers"] = persistent
        arguments["num_workers"] = num_workers
        original(*given.args, **given.kwargs)

    DataLoader.__init__ = init  # type: ignore[method-assign]  # that is the point
