"""The report as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from samerun.lab.experiment import Experiment, Mark, Outcome
from samerun.lab.svg import render
from samerun.lab.text import Text
from samerun.pages import code, templates

__all__ = ["page", "section"]

# Characters of a cell that is given room where the page is narrow.
_LONG = 30


def page(outcomes: Mapping[Experiment, Outcome], environment: Mapping[str, Any], seconds: float) -> str:
    """Return the whole page.

    Args:
        outcomes: in the order of the page.
        environment: what :func:`samerun.environment` returned.
        seconds: how long all experiments took.
    """
    facts = (
        f"Python {environment['python']['version']}",
        f"torch {environment['packages']['torch']}",
        f"NumPy {environment['packages']['numpy']}",
    )
    return _render("page.html", outcomes=outcomes, facts=facts, seconds=seconds)


def section(experiment: Experiment, outcome: Outcome) -> str:
    """Return one experiment's part of the page, without styles."""
    return _render("section.html", experiment=experiment, outcome=outcome)


def _render(template: str, **values: Any) -> str:
    environment = templates("samerun.lab")
    environment.filters |= {"say": _say, "cell": _cell, "svg": lambda plot, name: Markup(render(plot, name))}
    return environment.get_template(template).render(values)


def _say(text: Text | str) -> Markup:
    """Return a text in both languages, of which the page shows one."""
    if isinstance(text, str) or text.en == text.ja:
        return code(text if isinstance(text, str) else text.en)
    return Markup('<span lang="en">{}</span><span lang="ja">{}</span>').format(code(text.en), code(text.ja))


def _cell(cell: Any) -> Markup:
    if isinstance(cell, Mark):
        kind = "good" if cell.good else "bad"
        return Markup('<td class="{}">{}</td>').format(kind, _say(cell.text))
    if isinstance(cell, int | float):
        return Markup('<td class="number">{}</td>').format(f"{cell:,}" if isinstance(cell, int) else f"{cell:.6g}")
    kind = ' class="long"' if len(cell if isinstance(cell, str) else cell.en) > _LONG else ""
    return Markup("<td{}>{}</td>").format(Markup(kind), _say(cell))
