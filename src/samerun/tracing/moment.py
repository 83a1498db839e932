"""Moments at which something is recorded: what happens inside is not recorded itself, and does not stop the run."""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import torch

__all__ = ["Watcher", "moment"]

_Self = TypeVar("_Self", bound="Watcher")
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Watcher(ABC):
    """What has moments; a failure in one of them ends the recording and not the run.

    Attributes:
        failed: why the recording ended before the run, if it did.
    """

    def __init__(self) -> None:
        self.failed: Exception | None = None
        self._busy: set[int] = set()

    @property
    def is_deaf(self) -> bool:
        """Whether nothing is recorded of what this thread does now."""
        return self.failed is not None or threading.get_ident() in self._busy

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Record nothing of what this thread does inside."""
        thread, was_busy = threading.get_ident(), self.is_deaf
        self._busy.add(thread)
        try:
            yield
        finally:
            if not was_busy:
                self._busy.discard(thread)

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """End the recording."""


def moment(
    method: Callable[Concatenate[_Self, _Arguments], _Result],
) -> Callable[Concatenate[_Self, _Arguments], _Result | None]:
    """Make a method one of the moments of a watcher; ``None`` is returned where nothing is recorded."""

    @wraps(method)
    def guarded(self: _Self, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result | None:
        if self.is_deaf:
            return None
        thread = threading.get_ident()
        self._busy.add(thread)
        try:
            # Where a compiler is at work, it would take what is called from here for a part of the training.
            call = _uncompiled(method) if "torch._dynamo" in sys.modules else method
            return call(self, *args, **kwargs)
        except Exception as error:
            self.failed = error
            self.fail(error)
            return None
        finally:
            self._busy.discard(thread)

    # mypy takes the name of `self` for a part of the type.
    return cast("Callable[Concatenate[_Self, _Arguments], _Result | None]", guarded)


@cache
def _uncompiled(method: Callable[..., Any]) -> Callable[..., Any]:
    found: Callable[..., Any] = torch.compiler.disable(method)
    return found
