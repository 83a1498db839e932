"""Configuration of the documentation site; build it with ``make docs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import samerun
from samerun.lint.rule import SECTIONS

if TYPE_CHECKING:
    from docutils.nodes import TextElement, reference
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "samerun"
copyright = "the samerun authors"
version = release = samerun.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"samerun {version}"

autodoc_member_order = "bysource"
# The sections of the pages of rules, which are the docstrings of their modules.
napoleon_custom_sections = [title for title in SECTIONS if title != "Example"]
myst_heading_anchors = 3
# Objects of other projects cannot be looked up: their inventories are on the network, and the build does without it.
nitpick_ignore_regex = [
    ("py:.*", r"(ast|collections|datetime|numpy|np|os|pathlib|random|signal|torch|types|typing)(\..+)?")
]
nitpick_ignore = [
    ("py:class", "Environment"),  # an alias for nested JSON values that refers to itself
    ("py:class", "Json"),  # the same
    # Type variables.
    ("py:class", "samerun.rng.source.Native"),
    ("py:class", "samerun.data.loader.T_co"),
    ("py:class", "samerun.lint.file._Node"),
    ("py:class", "samerun.lint.scopes.Index"),  # what the other answers of a file are made of
    ("py:class", "samerun.lint.scopes.Scope"),  # the same
    ("py:class", "Function"),  # an alias for the two kinds of functions that a tree has
]


def setup(app: Sphinx) -> None:
    app.connect("missing-reference", link_to_top_level)


def link_to_top_level(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: TextElement) -> reference | None:
    """Let ``capture`` and ``samerun.rng.capture`` lead to ``samerun.capture``, the one place where it is described."""
    module, _, name = str(node.get("reftarget")).rpartition(".")
    if node.get("refdomain") != "py" or name not in samerun.__all__:
        return None
    if module not in ("", "samerun.rng", "samerun.determinism", "samerun.errors"):
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", f"samerun.{name}", node, content)
