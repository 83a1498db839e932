"""What an experiment is, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from samerun.lab.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Cell", "Claim", "Experiment", "Figures", "Mark", "Outcome", "Plot", "Table"]

#: What was measured: a JSON object.
Figures: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """A word in a table that is shown as good or bad.

    Attributes:
        good: whether it is good, such as the same bits.
    """

    good: bool
    text: Text

    @classmethod
    def same(cls, same: bool) -> Mark:
        """Return the mark of equal bits, or of different ones."""
        return cls(same, Text("same", "同じ") if same else Text("differs", "違う"))


#: One cell: a text, a word in both languages alike, a number, or a mark.
Cell: TypeAlias = Text | str | int | float | Mark


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report.

    Attributes:
        folded: whether the page shows it only when asked, because it is long.

    Raises:
        ValueError: if a row has another length than ``columns``.
    """

    title: Text
    columns: tuple[Text, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {self.title.en!r} has {len(row)} cells, not {len(self.columns)}: {row!r}")


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of the report.

    Attributes:
        title: above the plot.
        draw: draws it on an empty figure, with labels in English.
        words: the labels that are not the same in Japanese; the English text of each must stand in the plot.
        size: width and height in inches.
    """

    title: Text
    draw: Callable[[Figure], None]
    words: tuple[Text, ...] = ()
    size: tuple[float, float] = (7.5, 3.0)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the conclusion.

    Attributes:
        text: the sentence as it is when it holds.
        holds: whether the figures say so.
    """

    text: Text
    holds: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the figures of an experiment say.

    Attributes:
        conclusion: sentences, each with whether the figures bear it out.
        tables, plots: in the order of the report.
        figures: what was measured.
    """

    figures: Figures
    conclusion: tuple[Claim, ...]
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every sentence of the conclusion holds."""
        return all(claim.holds for claim in self.conclusion)


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question, and how it is answered.

    Attributes:
        number: the place in the lab, from 1.
        name: on the command line.
        question: what is asked.
        hypothesis: what is expected, said before anything is measured.
        measure: carries the experiment out, in fresh processes where it matters, and returns the figures.
        judge: says what figures mean; a pure function, so that a conclusion follows from the figures alone.
    """

    number: int
    name: str
    title: Text
    question: Text
    hypothesis: Text
    measure: Callable[[], Figures]
    judge: Callable[[Figures], Outcome]

    @property
    def command(self) -> str:
        """The command that repeats it."""
        return f"samerun lab {self.name}"

    def run(self) -> Outcome:
        """Measure and judge."""
        return self.judge(self.measure())
