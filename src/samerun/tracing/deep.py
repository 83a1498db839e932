"""Levels 2 and 3: what is observed inside the steps of a window, and which class does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Protocol

__all__ = ["Observation", "observing"]

# Module and class of what is entered at each level; each takes what is called with every observation.
_OBSERVERS: dict[int, tuple[tuple[str, str], ...]] = {
    2: (("modules", "ModuleOutputs"),),
    3: (("modules", "ModuleOutputs"), ("ops", "Operations"), ("draws", "Draws")),
}


class Observation(Protocol):
    """Something seen inside a step, as it is written to a trace."""

    @property
    def kind(self) -> str:
        """Of the series: ``output``, ``op`` or ``draw``."""

    @property
    def name(self) -> str:
        """Of the series, such as the path of a module."""

    @property
    def digest(self) -> bytes:
        """16 bytes."""

    @property
    def value(self) -> str | None:
        """JSON beside the digest."""

    @property
    def parts(self) -> bytes | None:
        """8 bytes for each part."""


@contextmanager
def observing(level: int, sink: Callable[[Observation], None]) -> Iterator[None]:
    """Observe as a level asks for, and give ``sink`` what is seen."""
    with ExitStack() as around:
        for module, name in _OBSERVERS[level]:
            observer = getattr(import_module(f"samerun.tracing.{module}"), name)
            around.enter_context(observer(sink))
        yield
