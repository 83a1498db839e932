"""Loops over a loader before which generators are restored."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samerun.lint.syntax import called
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
        loop: the loop; it may ask an iterator for the next batch.
        begin: where iterating begins: the loop itself, or the call of ``iter`` before it.
        restore: the event that restores.
        captured: whether states are read in the loop, and whether elsewhere.
        skip: what leaves out the batches that were had before the resume, if something does.
    """

    loop: ast.For | ast.While
    begin: ast.For | ast.Call
    restore: Event
    captured: tuple[bool, bool]
    skip: ast.expr | ast.stmt | None


def resumed_loops(file: File) -> list[ResumedLoop]:
    """Return the loops over a loader before which torch's generator is restored, and in which it is not.

    Loaders with a generator of their own, and those of samerun, draw from no other and are left out.
    """
    loops: dict[ast.For | ast.While, ast.For | ast.Call] = {
        loop: loop for loop in file.nodes(ast.For) if _is_over_a_loader(file, loop, loop.iter)
    }
    for loop, begin in _asking(file):
        if _is_over_a_loader(file, loop, begin.args[0]):
            loops.setdefault(loop, begin)
    found = (_resumed(file, loop, begin) for loop, begin in loops.items())
    return [one for one in found if one is not None]


def _asking(file: File) -> Iterator[tuple[ast.For | ast.While, ast.Call]]:
    """Yield the loops in which ``next`` is called, each with the call of ``iter`` before it."""
    for call in file.calls("builtins.next"):
        loop = file.enclosing(call, ast.For, ast.While)
        if not isinstance(loop, ast.For | ast.While) or not call.args:
            continue
        made = (one for one in _makers(file, call.args[0]) if isinstance(one, ast.Call) and len(one.args) == 1)
        for begin in made:
            if file.resolve(begin.func) == "builtins.iter" and begin.lineno < loop.lineno:
                yield loop, begin


def _resumed(file: File, loop: ast.For | ast.While, begin: ast.For | ast.Call) -> ResumedLoop | None:
    function = file.enclosing_function(loop)
    own = file.timeline_of(function) if function is not None else ()
    for events in (own, file.timeline):
        inside = [event for event in events if _is_in(file, event, loop)]
        if not inside:
            continue
        before = events[: events.index(inside[0])]
        restores = [event for event in before if event.kind == "restore" and CPU in event.libraries]
        late = any(_is_between(file, event, begin, loop) for event in restores)
        if not restores or late or any(event.kind == "restore" for event in inside):
            continue
        captures = [event for event in events if event.kind == "capture"]
        here = any(event in inside for event in captures)
        return ResumedLoop(loop, begin, restores[-1], (here, len(captures) > here), _skip(file, loop, begin))
    return None


def _is_in(file: File, event: Event, loop: ast.For | ast.While) -> bool:
    if event.loop is loop:
        return True
    return any(loop.body[0].lineno <= line <= (loop.end_lineno or 0) for line in _lines(file, event))


def _is_between(file: File, event: Event, begin: ast.For | ast.Call, loop: ast.For | ast.While) -> bool:
    return any(begin.lineno < line < loop.lineno for line in _lines(file, event))


def _lines(file: File, event: Event) -> list[int]:
    return [event.site.lineno, *([event.node.lineno] if event.file is file else [])]


def _is_over_a_loader(file: File, loop: ast.AST, node: ast.expr) -> bool:
    for call in _calls(node):  # enumerate(tqdm(loader))
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
    what = act(file.kind_of(node))
    return what is not None and what.kind == "loader"


def _calls(node: ast.AST | None) -> Iterator[ast.Call]:
    """Yield a call, and those that are its first argument in turn."""
    while isinstance(node, ast.Call):
        yield node
        if not node.args:
            return
        node = node.args[0]


def _makers(file: File, node: ast.AST) -> list[ast.AST | None]:
    return [node] if isinstance(node, ast.Call) else [binding.value for binding in file.names.bindings(node)]


def _is_skip(file: File, loop: ast.For | ast.While) -> bool:
    """Return whether a loop does nothing but ask for the next batch."""
    only = loop.body[0].value if len(loop.body) == 1 and isinstance(loop.body[0], ast.Expr | ast.Assign) else None
    return isinstance(only, ast.Call) and file.resolve(only.func) == "builtins.next"


def _skip(file: File, loop: ast.For | ast.While, begin: ast.For | ast.Call) -> ast.expr | ast.stmt | None:
    for statement in (inner for first in loop.body[:3] for inner in _nested(first)):
        if isinstance(statement.body[-1], ast.Continue):
            compared = any(
                isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
                for node in ast.walk(statement.test)
            )
            if compared and _RESUMES.search(file.segment(statement.test)):
                return statement
    if isinstance(begin, ast.Call):
        return next((one for one, other in _asking(file) if other is begin and _is_skip(file, one)), None)
    made = [call for name in ast.walk(begin.iter) for maker in _makers(file, name) for call in _calls(maker)]
    for call in made:
        if called(call) == _SKIPS or (file.resolve(call.func) == "itertools.islice" and len(call.args) > 2):
            return call
    return None


def _nested(statement: ast.stmt) -> Iterator[ast.If]:
    """Yield a condition, and those that begin what it holds: if epoch == start_epoch: if step < start: continue."""
    while isinstance(statement, ast.If):
        yield statement
        statement = statement.body[0]
