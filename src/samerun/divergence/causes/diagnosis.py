"""What a cause says of a divergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from samerun.divergence.evidence import Evidence
from samerun.tracing.sites import Site

__all__ = ["Cause", "Diagnosis"]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cause of a divergence.

    Attributes:
        cause: its name, such as ``generator-ahead``; ``docs/causes`` has a page of that name.
        sentence: what happened, with the figures of this case.
        advice: what to do.
        place: the line of the user's code that did it, if the traces tell.
        certain: whether the traces show it; otherwise it is what fits best.
        details: further facts, a line each.
    """

    cause: str
    sentence: str
    advice: str
    place: Site | None = None
    certain: bool = True
    details: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """The page about it, within the documentation."""
        return f"causes/{self.cause}.md"


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause there is.

    Attributes:
        name: as in :attr:`Diagnosis.cause`.
        order: causes of a lower number are asked first.
        diagnose: returns what it says of a divergence, or ``None`` if it does not explain it.
    """

    name: str
    order: int
    diagnose: Callable[[Evidence], Diagnosis | None]
