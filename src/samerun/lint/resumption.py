"""Loops over a loader before which generators are restored."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samerun.lint.vocabulary import CPU, act

if TYPE_CHECKING:
    from samerun.lint.file import File
    from samerun.lint.flow import Event

__all__ = ["ResumedLoop", "resumed_loops"]

_LOADER = re.compile(r"loader|(^|_)dl($|_)", re.IGNORECASE)
_RESUMES = re.compile(r"resum|start|skip|trained|already|done|complet|first|offset", re.IGNORECASE)
_SKIPS = "skip_first_batches"


@dataclass(frozen=True, slots=True, eq=False)
class ResumedLoop:
    """A loop over batches before which torch's generator is restored.

    Attributes:
        loop: the loop.
        restore: the event that restores.
        captured: whether states are read in the loop, and whether elsewhere.
        skip: what leaves out the batches that were had before the resume, if something does.
    """

    loop: ast.For
    restore: Event
    captured: tuple[bool, bool]
    skip: ast.expr | ast.stmt | None


def resumed_loops(file: File) -> list[ResumedLoop]:
    """Return the loops over a loader before which torch's generator is restored, and in which it is not.

    Loaders with a generator of their own, and those of samerun, draw from no other and are left out.
    """
    found = (_resumed(file, loop) for loop in file.nodes(ast.For) if _is_over_a_loader(file, loop))
    return [one for one in found if one is not None]


def _resumed(file: File, loop: ast.For) -> ResumedLoop | None:
    function = file.enclosing(loop, ast.FunctionDef, ast.AsyncFunctionDef)
    own = file.timeline_of(function) if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) else ()
    for events in (own, file.timeline):
        inside = [event for event in events if _is_in(file, event, loop)]
        if not inside:
            continue
        before = events[: events.index(inside[0])]
        restores = [event for event in before if event.kind == "restore" and CPU in event.libraries]
        if not restores or any(event.kind == "restore" for event in inside):
            continue
        captures = [event for event in events if event.kind == "capture"]
        here = any(event in inside for event in captures)
        return ResumedLoop(loop, restores[-1], (here, len(captures) > here), _skip(file, loop))
    return None


def _is_in(file: File, event: Event, loop: ast.For) -> bool:
    if event.loop is loop:
        return True
    nodes = [event.site, event.node] if event.file is file else [event.site]
    return any(loop.body[0].lineno <= node.lineno <= (loop.end_lineno or 0) for node in nodes)


def _is_over_a_loader(file: File, loop: ast.For) -> bool:
    node: ast.expr = loop.iter
    for call in _calls(loop.iter):  # enumerate(tqdm(loader))
        if _is_loader(file, call):
            break
        node = call.args[0] if call.args else call
    kind = file.kind_of(node)
    if kind is not None and kind.startswith("samerun."):
        return False
    makers = _makers(file, node)
    if any(file.argument(maker, "generator") is not None for maker in makers if isinstance(maker, ast.Call)):
        return False
    if _is_loader(file, node):
        return True
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return file.is_training_loop(loop) and _LOADER.search(name) is not None


def _is_loader(file: File, node: ast.expr) -> bool:
    kind = file.kind_of(node)
    what = act(kind) if kind is not None else None
    return what is not None and what.kind == "loader"


def _calls(node: ast.expr) -> Iterator[ast.Call]:
    """Yield a call, and those that are its first argument in turn."""
    while isinstance(node, ast.Call):
        yield node
        if not node.args:
            return
        node = node.args[0]


def _makers(file: File, node: ast.AST) -> list[ast.AST | None]:
    return [node] if isinstance(node, ast.Call) else [binding.value for binding in file.names.bindings(node)]


def _skip(file: File, loop: ast.For) -> ast.expr | ast.stmt | None:
    for statement in loop.body[:3]:
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Continue):
            compared = any(
                isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
                for node in ast.walk(statement.test)
            )
            if compared and _RESUMES.search(file.segment(statement.test)):
                return statement
    made = [
        call
        for name in ast.walk(loop.iter)
        for maker in _makers(file, name)
        if isinstance(maker, ast.Call)
        for call in _calls(maker)
    ]
    for call in made:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name == _SKIPS or (file.resolve(call.func) == "itertools.islice" and len(call.args) > 2):
            return call
    return None
