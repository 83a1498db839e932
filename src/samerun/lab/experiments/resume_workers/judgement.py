"""The report: which cells are exact, and how."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, Any

from samerun.lab.experiment import Figures, Mark, Outcome, Plot, Table
from samerun.lab.experiments.resume_workers.cells import CELLS, LOADERS, RANDOMNESS, STOPS, WORKERS, Cell
from samerun.lab.experiments.resume_workers.conclusion import conclusion
from samerun.lab.experiments.resume_workers.reasons import REASONS, WAYS
from samerun.lab.experiments.resume_workers.verdicts import exact_ways, verdict
from samerun.lab.text import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["judge"]

_WORKERS = {"0": Text("0", "0"), "2": Text("2", "2"), "2 persistent": Text("2 persistent", "2(永続)")}
_WHERE = {"boundary": Text("boundary", "境目"), "mid-epoch": Text("mid-epoch", "途中")}
_SAID = {
    "yes": Mark(True, Text("exact", "正確")),
    "replay": Mark(False, Text("only replayed", "やり直しのみ")),
    "no": Mark(False, Text("never", "不可")),
}
_PARTS = {
    "order": Text("order", "順序"),
    "items": Text("items", "データ"),
    "training": Text("training", "学習"),
}

_ROWS, _COLUMNS = list(product(LOADERS, WORKERS)), list(product(STOPS, RANDOMNESS))
_LOOKS = {"yes": ("✓", "#0f7a4a", "#e1f3e9"), "replay": ("↻", "#8a5a00", "#fdf1d4"), "no": ("✗", "#b4371c", "#fbe3dc")}


def judge(figures: Figures) -> Outcome:
    """Say when restoring the main process's generators is enough."""
    return Outcome(figures, conclusion(figures), (_summary(figures), _table(figures)), (_plot(figures),))


def _summary(figures: Figures) -> Table:
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for loader, workers, where in product(LOADERS, WORKERS, STOPS):
        cells = [Cell(loader, workers, where, randomness) for randomness in RANDOMNESS]
        said = max((verdict(figures, cell) for cell in cells), key=list(_SAID).index)
        alike = loader, said, _how(figures, cells), REASONS[loader, workers, where]
        groups.setdefault(alike, []).append(cells[0])
    rows = [
        (
            loader,
            _listed(dict.fromkeys(_WORKERS[cell.workers] for cell in cells)),
            _listed(dict.fromkeys(_WHERE[cell.where] for cell in cells)),
            _SAID[said],
            how,
            why,
        )
        for (loader, said, how, why), cells in groups.items()
    ]
    columns = (
        Text("loader", "ローダー"),
        Text("workers", "ワーカー"),
        Text("stop", "中断"),
        Text("", ""),
        Text("in this order", "この順で"),
        Text("why", "理由"),
    )
    title = Text(
        "How a run is resumed exactly: alike for global generators, a private one, and `generator=`",
        "正確に再開する方法。グローバルな生成器でも、データセットの生成器でも、`generator=` でも同じ",
    )
    return Table(title, columns, tuple(rows))


def _how(figures: Figures, cells: list[Cell]) -> Text:
    """Return the ways that are exact for all cells; replaying only where nothing else is."""
    common = [way for way in WAYS if all(way in exact_ways(figures, cell) for cell in cells)]
    chosen = [way for way in common if way != "epoch replayed"] or common
    return Text("; or ".join(WAYS[way].en for way in chosen), "、または ".join(WAYS[way].ja for way in chosen))


def _listed(texts: Iterable[Text]) -> Text:
    texts = list(texts)
    return Text(", ".join(text.en for text in texts), "、".join(text.ja for text in texts))


def _table(figures: Figures) -> Table:
    rows = [
        (
            cell.loader,
            _WORKERS[cell.workers],
            _WHERE[cell.where],
            cell.randomness,
            _SAID[verdict(figures, cell)],
            *(_outcome(found) for found in (_found(figures, cell, way) for way in WAYS)),
        )
        for cell in CELLS
    ]
    columns = (
        Text("loader", "ローダー"),
        Text("workers", "ワーカー"),
        Text("stop", "中断"),
        Text("draws from", "乱数"),
        Text("", ""),
        *WAYS.values(),
    )
    title = Text(
        f"All {len(CELLS)} cells in every way that was tried: exact, or what differs",
        f"{len(CELLS)} 通りすべてと、試したすべての方法。正確か、何が違うか",
    )
    return Table(title, columns, tuple(rows), folded=True)


def _found(figures: Figures, cell: Cell, way: str) -> dict[str, bool] | None:
    found: dict[str, bool] | None = figures["cells"][cell.name].get(way)
    return found


def _outcome(found: dict[str, bool] | None) -> Text | Mark:
    if found is None:
        return Text("", "")
    differ = [text for part, text in _PARTS.items() if not found[part]]
    return _listed(differ) if differ else _SAID["yes"]


def _plot(figures: Figures) -> Plot:
    headings = Text("boundary of an epoch", "エポックの境目"), Text("middle of an epoch", "エポックの途中")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for (row, (loader, workers)), (column, choice) in product(enumerate(_ROWS), enumerate(_COLUMNS)):
            _draw_cell(axes, column, row, verdict(figures, Cell(loader, workers, *choice)))
        for row, (loader, workers) in enumerate(_ROWS):
            axes.text(-0.15, _y(row), workers, ha="right", va="center")
            if workers == WORKERS[1]:
                axes.text(-1.75, _y(row), loader, ha="right", va="center", fontweight="bold")
        for column, (_, randomness) in enumerate(_COLUMNS):
            axes.text(_x(column), -0.25, randomness, ha="center", va="center")
        for column, heading in zip((1, 4), headings, strict=True):
            axes.text(_x(column), -0.95, heading.en, ha="center", va="center", fontweight="bold")
        axes.set(xlim=(-2.6, _x(5) + 0.5), ylim=(_y(8) + 0.5, -1.3))
        axes.set_axis_off()

    title = Text(
        "Resumed exactly (✓), only by replaying the epoch (↻), or never (✗)",
        "正確に再開できる(✓)、エポックをやり直せばできる(↻)、できない(✗)",
    )
    return Plot(title, draw, (*headings, _WORKERS["2 persistent"]), size=(7.5, 4.0))


def _draw_cell(axes: Axes, column: int, row: int, said: str) -> None:
    from matplotlib.patches import Rectangle

    sign, color, back = _LOOKS[said]
    axes.add_patch(Rectangle((_x(column) - 0.47, _y(row) - 0.45), 0.94, 0.9, color=back))
    axes.text(_x(column), _y(row), sign, color=color, ha="center", va="center", fontsize=12)


def _x(column: int) -> float:
    """Return the middle of a column, with a gap between the two stops."""
    return column + 0.5 + 0.25 * (column // len(RANDOMNESS))


def _y(row: int) -> float:
    """Return the middle of a row, with a gap between loaders."""
    return row + 0.5 + 0.25 * (row // len(WORKERS))
