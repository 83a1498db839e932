"""HTML pages that need nothing else: no network, no fonts, no scripts of others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["code", "templates"]


def templates(package: str) -> Environment:
    """Return the templates of a package: those in its folder ``templates``, and ``base.html``, which pages extend.

    Text is escaped, and a name that has no value is an error. A package has a ``page.css`` of its own, which may
    include ``look.css``. The filter ``code`` is :func:`code`.

    Raises:
        ImportError: if jinja2 is not installed.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("samerun")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["code"] = code
    return found


def code(text: str) -> Markup:
    """Return a text as HTML, in which what stands between backticks is code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
