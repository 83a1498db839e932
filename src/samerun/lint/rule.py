"""A rule is a code, a name, a sentence and a function from a file to findings; its page is its module's docstring."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from textwrap import dedent

from samerun.lint.file import File
from samerun.lint.finding import Finding

__all__ = ["SECTIONS", "Rule", "blocks", "sections"]

#: What every page has, in this order.
SECTIONS = ("What it does", "Why it is bad", "Example", "Experiment", "Use instead", "When to silence")


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked for.

    Attributes:
        code: such as ``SR001``; never used again for another rule.
        name: the same in words: ``partial-seeding``.
        summary: what is wrong where it is found, as a short sentence without a full stop.
        check: yields the findings in a file. It stays silent where it cannot know.
        pedantic: whether all its findings are for `--pedantic` alone.
    """

    code: str
    name: str
    summary: str
    check: Callable[[File], Iterable[Finding]]
    pedantic: bool = False

    @property
    def page(self) -> str:
        """The docstring of the module that the rule stands in."""
        return (sys.modules[self.check.__module__].__doc__ or "").strip()


def sections(page: str) -> dict[str, str]:
    """Return the sections of a page by their titles; what comes before them is under an empty title."""
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line in page.splitlines():
        if line.endswith(":") and line[:-1] in SECTIONS:
            title = line[:-1]
            found[title] = []
        else:
            found[title].append(line)
    return {title: dedent("\n".join(lines)).strip("\n") for title, lines in found.items()}


def blocks(section: str) -> list[str]:
    """Return the literal blocks of a section: what is indented after a line that ends with two colons."""
    found: list[str] = []
    inside: list[str] | None = None
    for line in [*section.splitlines(), "."]:
        if inside is not None and line and not line.startswith(" "):
            found.append(dedent("\n".join(inside)).strip("\n"))
            inside = None
        if inside is not None:
            inside.append(line)
        elif line.endswith("::") and not line.startswith(" "):
            inside = []
    return found
