"""Functions of others that are watched for a time, by several at once, who may stop in any order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

__all__ = ["Lookout"]


class Lookout:
    """While somebody watches, each call of some functions is told to all who do, before it is made.

    Not the calls that are made in forked processes, such as the workers of a loader.

    Args:
        find: returns the owners and names that stand for the functions; asked each time somebody begins to watch,
            because more may have been imported. It is given this object, to ask it for what it has replaced.
    """

    def __init__(self, find: Callable[[Lookout], Iterable[tuple[Any, str]]]) -> None:
        self._find = find
        self._watchers: list[Callable[..., object]] = []
        self._originals: dict[tuple[Any, str], Callable[..., Any]] = {}

    def original(self, owner: Any, name: str) -> Callable[..., Any]:
        """Return the function that a name stands for while nobody watches."""
        found: Callable[..., Any] = self._originals.get((owner, name)) or getattr(owner, name)
        return found

    def begin(self, watcher: Callable[..., object]) -> None:
        """Tell a watcher of calls: the function's name and its first argument. What it raises prevents the call."""
        for owner, name in list(self._find(self)):
            if (owner, name) not in self._originals:
                self._originals[owner, name] = original = getattr(owner, name)
                setattr(owner, name, self._telling(f"{owner.__name__}.{name}", original))
        self._watchers.append(watcher)

    def end(self, watcher: Callable[..., object]) -> None:
        """Tell it no more; behind the last one everything is as it was."""
        self._watchers.remove(watcher)
        if not self._watchers:
            for (owner, name), original in self._originals.items():
                setattr(owner, name, original)
            self._originals.clear()

    def _telling(self, what: str, original: Callable[..., Any]) -> Callable[..., Any]:
        process = os.getpid()

        @wraps(original)
        def telling(*args: Any, **kwargs: Any) -> Any:
            if os.getpid() == process:
                for watcher in self._watchers:
                    watcher(what, *args[:1])
            return original(*args, **kwargs)

        return telling
