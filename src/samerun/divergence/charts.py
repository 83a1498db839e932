"""Charts as SVG that stands inside a page and takes its colours and fonts from there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from samerun.divergence.history import History, Row
from samerun.divergence.words import MOMENTS, name

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Line", "chart", "strip"]

Point = tuple[int, float]

_WIDTH, _LEFT, _RIGHT = 900, 190, 12
_CELL, _GAP, _HEAD = 16, 4, 24
_HEIGHT, _TOP, _BOTTOM, _SIDE = 220, 14, 30, 70
# Points of a line; of more, the lowest and the highest of each stretch are drawn.
_POINTS = 800
_STATES = {True: ("same", "the same"), False: ("differs", "differs"), None: ("nothing", "nothing recorded")}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: what it is called, its points by step, and the class that colours it."""

    name: str
    points: Sequence[Point]
    kind: str


def strip(history: History, at: int | None) -> Markup:
    """Return a strip of cells for each series and moment: the same, differs, or nothing there.

    Args:
        history: the two runs.
        at: the step of the first difference, which a line marks.
    """
    step_to_x = _columns(history)
    parts: list[str] = []
    titles: list[str] = []
    y = 4.0
    for phase, rows in groupby(history.rows, key=lambda row: row.phase):
        titles.append(_tag("text", MOMENTS[phase], x=0, y=y + 15, class_="moment"))
        y += _HEAD
        for row in rows:
            parts.append(_tag("text", _shortened(name(row.series)), x=_LEFT - 10, y=y + 12, class_="label"))
            parts += _cells(row, history, y)
            y += _CELL + _GAP
        y += 6
    steps = [history.columns[0].first, history.columns[-1].last] if history.columns else []
    if at is not None and history.columns:
        x = step_to_x(at)
        parts.append(_tag("line", x1=x, x2=x, y1=0, y2=y, class_="mark"))
    parts += [
        _tag("text", f"{step:,}", x=step_to_x(step), y=y + 14, class_=kind)
        for step, kind in zip(steps, ("start", "end"), strict=False)
    ]
    return _svg([*parts, *titles], y + 20, "What is the same and what differs, by moment of a step and over time")


def chart(title: str, lines: Sequence[Line], at: int | None, *, logarithmic: bool = False) -> Markup:
    """Return a chart of lines over steps; with a logarithmic scale what is not above zero is left out."""
    shown = [Line(line.name, _thinned(_drawable(line.points, logarithmic)), line.kind) for line in lines]
    points = [point for line in shown for point in line.points]
    if not points:
        return _svg([_tag("text", "nothing to draw", x=_SIDE, y=20, class_="label")], 40, title)
    to_x = _scale([step for step, _ in points], _SIDE, _WIDTH - _RIGHT)
    transform = math.log10 if logarithmic else float
    values = [transform(value) for _, value in points]
    to_y = _scale(values, _HEIGHT - _BOTTOM, _TOP)
    parts = [_axis(value, to_y(value), logarithmic) for value in _ticks(min(values), max(values))]
    titles: list[str] = []
    if at is not None and min(step for step, _ in points) <= at <= max(step for step, _ in points):
        parts.append(_tag("line", x1=to_x(at), x2=to_x(at), y1=0, y2=_HEIGHT - _BOTTOM, class_="mark"))
        titles.append(_tag("text", f"step {at:,}", x=to_x(at) + 5, y=_TOP - 2, class_="start"))
    for line in shown:
        path = " ".join(f"{to_x(step):.1f},{to_y(transform(value)):.1f}" for step, value in line.points)
        parts.append(_tag("polyline", points=path, class_=line.kind))
    ends = (min(step for step, _ in points), "start"), (max(step for step, _ in points), "end")
    parts += [_tag("text", f"{step:,}", x=to_x(step), y=_HEIGHT - 8, class_=kind) for step, kind in ends]
    return _svg([*parts, *titles], _HEIGHT, title)


def _columns(history: History) -> Callable[[int], float]:
    """Return where a step lies: columns have the same width however many steps they stand for."""
    width = (_WIDTH - _LEFT - _RIGHT) / max(len(history.columns), 1)

    def to_x(step: int) -> float:
        number = next(
            (at for at, column in enumerate(history.columns) if step <= column.last), len(history.columns) - 1
        )
        last = number == len(history.columns) - 1 and step == history.columns[-1].last and len(history.columns) > 1
        return _LEFT + width * (number + last)

    return to_x


def _cells(row: Row, history: History, y: float) -> Iterator[str]:
    """Yield one rectangle for each stretch of equal cells."""
    width = (_WIDTH - _LEFT - _RIGHT) / len(row.cells)
    start = 0
    for state, group in groupby(row.cells):
        count = len(list(group))
        first, last = history.columns[start].first, history.columns[start + count - 1].last
        kind, words = _STATES[state]
        steps = f"step {first:,}" if first == last else f"steps {first:,} to {last:,}"
        title = _tag("title", f"{name(row.series)}, {steps}: {words}")
        x, wide = _LEFT + width * start, width * count
        yield _tag("rect", inner=title, class_=f"cell {kind}", x=x, y=y, width=wide, height=_CELL)
        start += count


def _drawable(points: Sequence[Point], logarithmic: bool) -> list[Point]:
    return [(step, value) for step, value in points if math.isfinite(value) and (value > 0 or not logarithmic)]


def _thinned(points: list[Point]) -> list[Point]:
    if len(points) <= _POINTS:
        return points
    size = math.ceil(len(points) / (_POINTS // 2))
    kept: list[Point] = []
    for start in range(0, len(points), size):
        group = points[start : start + size]
        kept += sorted({min(group, key=_value), max(group, key=_value)})
    return kept


def _value(point: Point) -> float:
    return point[1]


def _scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    low, high = min(values), max(values)
    span = high - low
    return lambda value: start + (end - start) * ((value - low) / span if span else 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers between two."""
    span = high - low
    if not span:
        return [low]
    raw = span / 4
    power = 10 ** math.floor(math.log10(raw))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= raw), 10 * power)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _axis(value: float, y: float, logarithmic: bool) -> str:
    text = f"{10**value:.2g}" if logarithmic else f"{value:.4g}"
    line = _tag("line", x1=_SIDE, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="grid")
    return line + _tag("text", text, x=_SIDE - 10, y=y + 4, class_="label")


def _shortened(text: str) -> str:
    return text if len(text) <= 28 else f"{text[:12]}…{text[-15:]}"


def _tag(tag: str, text: str | None = None, *, inner: str | None = None, **attributes: object) -> str:
    from markupsafe import escape

    # Attributes are numbers and names given here; text may come from a trace.
    given = {
        key.rstrip("_"): f"{value:.2f}" if isinstance(value, float) else value for key, value in attributes.items()
    }
    written = "".join(f' {key}="{value}"' for key, value in given.items())
    content = inner if inner is not None else escape(text) if text is not None else ""
    return f"<{tag}{written}>{content}</{tag}>"


def _svg(parts: Sequence[str], height: float, title: str) -> Markup:
    from markupsafe import Markup, escape

    label = escape(title)
    return Markup(f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {height:.0f}">{"".join(parts)}</svg>')  # noqa: S704  # every part was escaped
