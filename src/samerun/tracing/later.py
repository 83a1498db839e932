"""Values that are not there yet, because what they are made of is still on a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

__all__ = ["Digest", "Later", "combined", "now", "there"]

Made = TypeVar("Made")
Made_co = TypeVar("Made_co", covariant=True)


class Later(ABC, Generic[Made_co]):
    """A value that is not there yet: ``is_there`` says whether ``now()`` would wait for it."""

    __slots__ = ()

    @property
    @abstractmethod
    def is_there(self) -> bool:
        """Whether :meth:`now` would not wait."""

    @abstractmethod
    def now(self) -> Made_co:
        """Return the value, and wait for it if need be."""


#: 16 bytes, or 8, that stand for the bits of something.
Digest: TypeAlias = bytes | Later[bytes]


def now(value: Made | Later[Made]) -> Made:
    """Return a value, and wait for it if need be."""
    return value.now() if isinstance(value, Later) else value


def there(value: Made | Later[Made]) -> Made | Later[Made]:
    """Return a value itself if it came meanwhile, without waiting for one that has not."""
    return value.now() if isinstance(value, Later) and value.is_there else value


def combined(parts: Sequence[Any], make: Callable[[list[Any]], Made]) -> Made | Later[Made]:
    """Return what is made of some values: at once where all are there, else once and when it is asked for."""
    if any(issubclass(kind, Later) for kind in set(map(type, parts))):
        return _Combined(parts, make)
    return make(list(parts))


class _Combined(Later[Made]):
    """What is made of values of which some are to come."""

    __slots__ = ("_made", "_make", "_parts")

    def __init__(self, parts: Sequence[Any], make: Callable[[list[Any]], Made]) -> None:
        self._parts = parts
        self._make: Callable[[list[Any]], Made] | None = make

    @property
    def is_there(self) -> bool:
        return all(part.is_there for part in self._parts if isinstance(part, Later))

    def now(self) -> Made:
        if self._make is not None:
            self._made = self._make([now(part) for part in self._parts])
            self._make, self._parts = None, ()
        return self._made
