"""Plots as SVG that stands inside a page: its text is text, in both languages, in the page's fonts."""

from __future__ import annotations

import re
from html import escape
from io import StringIO

from samerun.lab.experiment import Plot
from samerun.lab.text import Text

__all__ = ["render"]


def render(plot: Plot, name: str) -> str:
    """Return the plot as an ``<svg>`` element; the same plot and name give the same text.

    Args:
        plot: what to draw.
        name: begins the ids inside, which must be unique in the page.

    Raises:
        ValueError: if one of ``plot.words`` does not stand in the plot.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    file = StringIO()
    # As text, not as outlines: no font is needed here, and it can be read aloud and searched.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9}):
        figure = Figure(figsize=plot.size, layout="constrained")
        plot.draw(figure)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    drawn = file.getvalue()
    svg = _unique_ids(drawn[drawn.index("<svg") :], name)
    for word in plot.words:
        svg = _translated(svg, word)
    label = escape(plot.title.en, quote=True)
    return re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg role="img" aria-label="{label}" \1>', svg, count=1)


def _unique_ids(svg: str, name: str) -> str:
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)


def _translated(svg: str, word: Text) -> str:
    """Put the Japanese text beside the English one; the page shows one of them."""
    pattern = rf"<text( [^>]*)>{re.escape(escape(word.en, quote=False))}</text>"
    both = rf'<text lang="en"\1>{escape(word.en)}</text><text lang="ja"\1>{escape(word.ja)}</text>'
    svg, count = re.subn(pattern, both, svg)
    if not count:
        raise ValueError(f"no label of the plot is {word.en!r}, which has a translation")
    return svg
