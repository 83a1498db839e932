"""Functions of libraries replaced by such that tell of their calls, and put back."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import MethodType, ModuleType
from typing import Any

import torch

__all__ = ["Patches"]


class Patches:
    """What was replaced, and how it is put back."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []
        self._live = True

    def call_at_end(self, undo: Callable[[], object]) -> None:
        """Have something called by :meth:`undo`."""
        self._undo.append(undo)

    def watch(
        self,
        owner: Any,
        name: str,
        before: Callable[..., Any] | None = None,
        after: Callable[..., Any] | None = None,
        failed: Callable[..., Any] | None = None,
    ) -> None:
        """Replace a function of a module or a class.

        Args:
            owner: a module or a class that has the function itself; what it inherits is left alone.
            name: of the function.
            before: called with its arguments before each call.
            after: called with what ``before`` gave, what the function returned, and its arguments.
            failed: called with what ``before`` gave and the arguments if the function raised.
        """
        original = vars(owner).get(name)
        if original is None or not callable(original):
            return

        @wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if not self._live or torch.compiler.is_compiling():
                return original(*args, **kwargs)
            told = before(*args, **kwargs) if before is not None else None
            try:
                result = original(*args, **kwargs)
            except BaseException:
                if failed is not None:
                    failed(told, *args, **kwargs)
                raise
            if after is not None:
                after(told, result, *args, **kwargs)
            return result

        placed = _like(original, watched, owner, name)
        setattr(owner, name, placed)
        self._undo.append(lambda: self._put_back(owner, name, placed, original))

    def undo(self) -> None:
        """Take everything off, the last first. What somebody replaced since stays, and tells nobody any more."""
        self._live = False
        while self._undo:
            self._undo.pop()()

    @staticmethod
    def _put_back(owner: Any, name: str, placed: object, original: object) -> None:
        if vars(owner).get(name) is placed:
            setattr(owner, name, original)


def _like(original: Callable[..., Any], watched: Callable[..., Any], owner: Any, name: str) -> Callable[..., Any]:
    """Return what is pickled as the original is, as when a dataset that loads with ``torch.load`` goes to a worker."""
    if isinstance(original, MethodType):  # by the object and the name

        @wraps(original.__func__)
        def method(_: object, *args: Any, **kwargs: Any) -> Any:
            return watched(*args, **kwargs)

        return MethodType(method, original.__self__)
    if isinstance(owner, ModuleType):  # by a place in which it is found itself
        watched.__module__, watched.__qualname__ = owner.__name__, name
    return watched
