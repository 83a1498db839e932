"""A folder is listed in the order of the file system, and the data come in that order.

What it does:
    Finds ``os.listdir``, ``os.scandir``, ``os.walk``, ``glob.glob``, ``Path.iterdir`` and the like whose order goes
    into a list, an index, a table or a draw, in files that import a package for data. It is silent where the order
    is lost: in a count, a set, a test, a copy or a deletion, or sorted further on. Only with ``--pedantic``, or where
    the rule is selected by its code: too often the order is lost later, in a table that is joined by name or in a
    mean. Where the names leave the file it says so with ``--pedantic`` alone.

Why it is bad:
    The order is that of the file system: another one on another disk, after a copy, in a container. A seed then
    shuffles other lists, a split takes other files, and classes get other numbers.

Example:
    ::

        files = os.listdir("images")
        random.shuffle(files)

Experiment:
    The same folder as two file systems may list it, shuffled with the same seed::

        import random

        for listed in (["a.png", "b.png", "c.png"], ["c.png", "a.png", "b.png"]):
            files, in_order = list(listed), sorted(listed)
            random.Random(0).shuffle(files)
            random.Random(0).shuffle(in_order)
            print("as listed:", files[0], " sorted:", in_order[0])

    It prints::

        as listed: a.png  sorted: a.png
        as listed: c.png  sorted: a.png

Use instead:
    ::

        files = sorted(os.listdir("images"))

When to silence:
    When the folder has one file, or what is made of the names has no order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Finding, Fix
from samerun.lint.intent import about_data
from samerun.lint.order import Fate, fate
from samerun.lint.rule import Rule

__all__ = ["RULE"]

# What each gives: a list, something to be gone through once, entries that cannot be compared, or whole folders.
_CALLS = {
    "os.listdir": "list",
    "glob.glob": "list",
    "glob.iglob": "once",
    "os.scandir": "entries",
    "os.walk": "folders",
    "os.fwalk": "folders",
}
_METHODS = ("iterdir", "rglob", "glob")


def _check(file: File) -> Iterable[Finding]:
    found = list(_listings(file))
    about = bool(found) and about_data(file)
    for call, name, gives in found:
        what = fate(file, call)
        if what is Fate.LOST:
            continue
        kept = what is Fate.KEPT
        message = (
            f"{name} lists in no order of its own, and what is made of it is in that order"
            if kept
            else f"{name} lists in no order of its own, which may count where it goes"
        )
        yield Finding(RULE.code, message, file.range(call), _fix(file, call, gives), pedantic=not (kept and about))


def _listings(file: File) -> Iterator[tuple[ast.Call, str, str]]:
    for name, gives in _CALLS.items():
        yield from ((call, name, gives) for call in file.calls(name))
    if not _has_paths(file):
        return
    for call in file.nodes(ast.Call):
        if (
            isinstance(call.func, ast.Attribute)
            and call.func.attr in _METHODS
            and file.names.meaning(call.func) is None
        ):
            yield call, f"Path.{call.func.attr}", "once"


def _has_paths(file: File) -> bool:
    """Return whether the file imports pathlib; other objects have methods of these names, too."""
    modules = [alias.name for node in file.nodes(ast.Import) for alias in node.names]
    return "pathlib" in modules or any(node.module == "pathlib" for node in file.nodes(ast.ImportFrom))


def _fix(file: File, call: ast.Call, gives: str) -> Fix | None:
    parent = file.parent(call)
    loop = isinstance(parent, ast.For | ast.comprehension) and parent.iter is call
    inside = isinstance(parent, ast.Call) and file.resolve(parent.func) in ("builtins.list", "builtins.enumerate")
    if gives == "folders" or "sorted" in file.index.module.names or not (gives == "list" or loop or inside):
        return None
    key = ", key=lambda entry: entry.name" if gives == "entries" else ""
    edits = (file.insert(call, "sorted(", after=False), file.insert(call, f"{key})"))
    return Fix(edits, True, "sort it")


RULE = Rule(
    "SR022",
    "unsorted-listing",
    "data come in the order in which the file system lists them",
    _check,
    pedantic=True,
)
