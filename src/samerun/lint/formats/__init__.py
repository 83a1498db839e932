"""How findings are written: each module here with a ``FORMAT`` is one, and only the one asked for is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samerun.lint.report import Report

__all__ = ["Format", "find", "names"]


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write reports as one text, which ends with a line end or is empty."""

    name: str
    write: Callable[[Sequence[Report]], str]


def names() -> tuple[str, ...]:
    """Return what formats are called, text first."""
    return tuple(sorted((module.name for module in iter_modules(__path__)), key=lambda name: (name != "text", name)))


def find(name: str) -> Format:
    """Return a format by its name, which is its module's."""
    found: Format = import_module(f"{__name__}.{name}").FORMAT
    return found
