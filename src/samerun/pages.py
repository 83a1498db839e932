"""HTML pages that need nothing else: no network, no fonts, no scripts of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["templates"]


def templates(package: str) -> Environment:
    """Return the templates of a package: those in its folder ``templates``, and ``base.html``, which pages extend.

    Text is escaped, and a name that has no value is an error. A package has a ``page.css`` of its own.

    Raises:
        ImportError: if jinja2 is not installed.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("samerun")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
