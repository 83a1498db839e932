"""The source code of two runs, if it is still there: which line was changed, and which lines depend on hashes."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from samerun.lint import File
from samerun.lint.project import Project
from samerun.lint.source import UnreadableError
from samerun.lint.vocabulary import CPU
from samerun.tracing.reader import Trace
from samerun.tracing.sites import Site

__all__ = ["changed_line", "changed_since", "drawn_before", "hash_lines"]

# What is the same whatever order a set has.
_ORDERLESS = frozenset({"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset", "bool", "isinstance"})
# What draws from a global generator: a call, a model that makes its weights, a split.
_DRAWS = frozenset({"draw", "model", "split"})
# Methods of sets that give sets.
_SETS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})


def changed_line(first: Trace, second: Trace) -> Site | None:
    """Return the first line of the script, or of a module of the user's, that is another in the second run."""
    ours, theirs = _recorded(first), _recorded(second)
    for name in theirs:
        if name in ours and ours[name].get("digest") != theirs[name].get("digest"):
            one, other = _text(ours[name]), _text(theirs[name])
            if one is not None and other is not None:
                return Site(str(theirs[name]["path"]), _first_change(one.splitlines(), other.splitlines()), "<module>")
    return None


def changed_since(trace: Trace) -> list[Path]:
    """Return the files among the script and the user's modules that are not, or no longer, as they were recorded."""
    known = [told for told in _recorded(trace).values() if "path" in told and "digest" in told]
    return [Path(str(told["path"])) for told in known if _text(told) is None]


def hash_lines(trace: Trace) -> list[Site] | None:
    """Return the lines of the user's code that call ``hash`` or use the order of a set; ``None`` if it is not there."""
    texts = [(told, text) for told in _recorded(trace).values() if (text := _text(told)) is not None]
    found = [(told["path"], line) for told, text in texts for line in sorted(set(_hash_lines(text)))]
    return [Site(str(path), line, "<module>") for path, line in found] if texts else None


def drawn_before(trace: Trace, seed: Site, library: str) -> Site | None:
    """Return the first line above a seed, outside of functions, that draws from a library's global generator.

    That may be a call of a function that does.

    Args:
        trace: of the run.
        seed: the line that seeds.
        library: ``python``, ``numpy`` or ``torch``.
    """
    text = next((_text(told) for told in _recorded(trace).values() if told.get("path") == seed.file), None)
    try:
        file = File.of((text or "").encode(), Path(seed.file), Project())
    except UnreadableError:
        return None
    source = CPU if library == "torch" else library
    drawn = (event for event in file.timeline if event.kind in _DRAWS and source in event.libraries)
    line = next((event.site.lineno for event in drawn if event.site.lineno < seed.line), None)
    return None if line is None else Site(seed.file, line, "<module>")


def _recorded(trace: Trace) -> dict[str, Mapping[str, Any]]:
    """Return path and digest of the script and of the user's modules, by name."""
    source, modules = trace.meta.get("source"), trace.meta.get("modules") or {}
    return {**({"__main__": source} if source else {}), **modules}


def _text(told: Mapping[str, Any]) -> str | None:
    """Return the text of a file that is as it was recorded, or ``None``."""
    try:
        content = Path(str(told["path"])).read_bytes()
    except (OSError, KeyError):
        return None
    if hashlib.sha256(content).hexdigest() != told.get("digest"):
        return None
    return content.decode("utf-8", errors="replace")


def _first_change(ours: list[str], theirs: list[str]) -> int:
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    start = next((begin for kind, _, _, begin, _ in blocks if kind != "equal"), 0)
    return min(start + 1, max(len(theirs), 1))


def _hash_lines(text: str) -> Iterator[int]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    named = frozenset(_names_of_sets(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "hash":
            yield node.lineno
        yield from (used.lineno for used in _ordered(node) if _is_set(used, named))


def _names_of_sets(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_set(node.value, frozenset()):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _ordered(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what a node uses in its order."""
    if isinstance(node, ast.For | ast.comprehension):
        yield node.iter
    elif isinstance(node, ast.Starred):
        yield node.value
    elif isinstance(node, ast.Call) and _name(node.func) not in _ORDERLESS:
        yield from node.args


def _is_set(node: ast.AST, named: frozenset[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name):
        return node.id in named
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in _SETS:
            return _is_set(node.func.value, named)
        return _name(node.func) in ("set", "frozenset")
    return False


def _name(node: ast.AST) -> str | None:
    return node.id if isinstance(node, ast.Name) else None
