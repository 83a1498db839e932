"""Which cell's draws depend on which other cells' draws: pure functions of what each cell drew, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from samerun.notebook.draws import Draw, Span
from samerun.notebook.recorder import ISOLATE

__all__ = ["Dependence", "dependences"]


@dataclass(frozen=True, slots=True)
class Dependence:
    """A cell that goes on in a sequence where others stopped.

    Attributes:
        cell: the one that draws.
        source: the generator, behind the name of the stream if it is one's: ``"train: torch.cpu"``.
        begun: the cell that seeded it before; ``None`` if none did.
        draws: how much other cells drew since then, by cell, in order; ``None`` where it is not counted.
    """

    cell: int
    source: str
    begun: int | None
    draws: tuple[tuple[int, int | None], ...]

    @property
    def on(self) -> tuple[int, ...]:
        """The cells whose draws it depends on."""
        return tuple(cell for cell, _ in self.draws)


@dataclass
class _Sequence:
    """Who seeded a source last, and who drew from it since."""

    begun: int | None
    drawn: list[tuple[int, int | None]]


def dependences(cells: Iterable[tuple[int, Iterable[Span]]]) -> list[Dependence]:
    """Return, for cells in the order they ran, which draws of earlier ones each goes on from.

    A cell that sets a source depends on nobody before, if it draws only after that, which cannot be told. What an
    isolated block draws depends on those before it, and nobody depends on it.
    """
    sequences: dict[str, _Sequence] = {}
    found = []
    for cell, spans in cells:
        for span in spans:
            for draw in span.draws:
                source = draw.source if span.label in ("", ISOLATE) else f"{span.label}: {draw.source}"
                sequence = sequences.setdefault(source, _Sequence(None, []))
                if draw.how == "drew":
                    others = tuple((other, count) for other, count in sequence.drawn if other != cell)
                    found.append(Dependence(cell, source, sequence.begun, others))
                if span.label != ISOLATE:
                    sequences[source] = _after(sequence, cell, draw)
    return found


def _after(sequence: _Sequence, cell: int, draw: Draw) -> _Sequence:
    if draw.how == "drew":
        return _Sequence(sequence.begun, [*sequence.drawn, (cell, draw.count)])
    return _Sequence(cell, [])
