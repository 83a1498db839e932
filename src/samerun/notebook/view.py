"""Tables that a notebook shows as HTML, with a bar per source, and a terminal as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import log1p
from typing import Literal

__all__ = ["Bar", "Cell", "Table", "Text"]

# Blue, orange, teal, purple, red, brown, grey: told apart by the colour-blind too, on light and on dark pages.
_COLOURS = ("#4c78a8", "#e0873f", "#3a9a8f", "#9467bd", "#d0565e", "#8c6d4f", "#7f7f7f")

# Important where Jupyter's own style for tables would win.
_STYLE = """
.samerun {font-size: 13px; line-height: 1.45; color: inherit; margin: 2px 0 6px}
.samerun table {border-collapse: collapse; margin: 0; font-size: inherit; color: inherit; background: none}
.samerun caption {caption-side: top; text-align: left; padding: 0 0 6px; font-weight: 600; color: inherit}
.samerun th {text-align: left !important; font-weight: 600; opacity: .7; padding: 2px 18px 4px 0; border: 0;
  border-bottom: 1px solid rgba(128,128,128,.45); background: none; color: inherit; white-space: nowrap}
.samerun td {text-align: left !important; padding: 3px 18px 3px 0; border: 0;
  border-bottom: 1px solid rgba(128,128,128,.15); background: none; color: inherit; vertical-align: middle;
  white-space: nowrap}
.samerun code {font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 12px; color: inherit;
  background: none !important; padding: 0 !important}
.samerun .quiet {opacity: .6}
.samerun .chip {border: 1px solid currentColor; border-radius: 9px; padding: 0 7px; font-size: 11px}
.samerun .track {display: inline-block; width: 64px; height: 9px; margin-right: 7px; vertical-align: baseline}
.samerun .bar {display: block; height: 9px; min-width: 3px; border-radius: 2px; box-sizing: border-box}
.samerun .notes {margin-top: 5px; opacity: .75}
"""


@dataclass(frozen=True, slots=True)
class Text:
    """Words in a table; ``kind`` is how they look: plain, as code, as a label, or quiet."""

    text: str
    kind: Literal["plain", "code", "chip", "quiet"] = "plain"

    def html(self) -> str:
        """Return the words as HTML."""
        if not self.text:
            return ""
        tag = "code" if self.kind == "code" else "span"
        return f'<{tag} class="{self.kind}">{escape(self.text)}</{tag}>'


@dataclass(frozen=True, slots=True)
class Bar:
    """An amount with a bar in front, whose length grows with the logarithm.

    Attributes:
        text: the amount in words.
        share: how long the bar is, 0 to 1.
        colour: the place of its colour, which stands for a source.
        hollow: draws that were put back are shown so.
    """

    text: str
    share: float
    colour: int
    hollow: bool = False

    def html(self) -> str:
        """Return bar and amount as HTML."""
        colour = _COLOURS[self.colour % len(_COLOURS)]
        paint = f"border: 1px solid {colour}" if self.hollow else f"background: {colour}"
        bar = f'<span class="bar" style="width: {self.share:.0%}; {paint}"></span>'
        return f'<span class="track">{bar}</span>{escape(self.text)}'


Cell = Text | Bar


def share(amount: float, largest: float) -> float:
    """Return how long the bar of an amount is beside that of the largest, by logarithms.

    >>> share(0, 100), share(100, 100)
    (0.0, 1.0)
    """
    return log1p(amount) / log1p(largest) if largest > 0 else 0.0


class Table:
    """Rows under headings, with a title and notes; IPython shows it by itself.

    Args:
        title: one line above.
        headings: one for each column.
        rows: of words and bars.
        notes: lines below.
    """

    def __init__(
        self, title: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]], notes: Iterable[str] = ()
    ) -> None:
        self._title = title
        self._headings = tuple(headings)
        self._rows = [tuple(row) for row in rows]
        self._notes = tuple(notes)

    def __repr__(self) -> str:
        cells = [self._headings, *(tuple(cell.text for cell in row) for row in self._rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        return "\n".join([self._title, *lines, *self._notes])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(heading)}</th>" for heading in self._headings)
        body = "".join(f"<tr>{''.join(f'<td>{cell.html()}</td>' for cell in row)}</tr>" for row in self._rows)
        notes = "".join(f"<div>{escape(note)}</div>" for note in self._notes)
        return (
            f'<div class="samerun"><style>{_STYLE}</style><table><caption>{escape(self._title)}</caption>'
            f'<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><div class="notes">{notes}</div></div>'
        )
