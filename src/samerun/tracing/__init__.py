"""What a run did, step by step: recorded into one file while it runs, and read from it at any time."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samerun.tracing.reader import Trace as Trace
    from samerun.tracing.session import trace as trace

__all__ = ["Trace", "trace"]

# Loaded at first use: a process that is traced loads a part of this before it loads torch.
_HOMES = {"Trace": "reader", "trace": "session"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
