"""What came out of a cell."""

from __future__ import annotations

from samerun.lab.experiment import Figures
from samerun.lab.experiments.resume_workers.cells import Cell

__all__ = ["exact_ways", "verdict"]


def exact_ways(figures: Figures, cell: Cell) -> list[str]:
    """Return the ways in which a cell was resumed exactly."""
    return [way for way, found in figures["cells"][cell.name].items() if all(found.values())]


def verdict(figures: Figures, cell: Cell) -> str:
    """Return ``"yes"``, ``"replay"`` (only by going through the epoch again) or ``"no"``."""
    exact = exact_ways(figures, cell)
    return "yes" if set(exact) - {"epoch replayed"} else "replay" if exact else "no"
