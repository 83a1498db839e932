"""What each cell of a notebook does to the generators, and what the numbers beside the cells tell."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from samerun.lint.vocabulary import CPU, act

if TYPE_CHECKING:
    from samerun.lint.file import File
    from samerun.lint.flow import Event
    from samerun.lint.notebook import Cell

__all__ = ["counted", "drawn_by", "is_apart", "is_random", "statements"]

_RANDOM = frozenset("seed draw model split iterate train loader generator restore unknown-seed".split())
# To begin with these draws the seed of the workers from torch's generator, whether or not they shuffle.
_LOADERS = frozenset(("torch.utils.data.DataLoader", "torch_geometric.loader.DataLoader"))
# In these blocks the generators are borrowed: afterwards they are as they were.
_APART = frozenset(("samerun.isolate", "samerun.Stream", "torch.fork_rng", "lightning.isolate_rng"))
_MARK = re.compile(r"(%%(isolate|stream)\b|#\s*samerun:\s*(?!noqa)[\w.-]+\s*$)", re.MULTILINE)
_GUARD = re.compile(r"^\s*%rng\s+guard\b", re.MULTILINE)
_HARMLESS = (ast.Import, ast.ImportFrom, ast.Pass)


def statements(file: File) -> dict[int, list[ast.stmt]]:
    """Return the statements of each code cell by its number."""
    found: defaultdict[int, list[ast.stmt]] = defaultdict(list)
    if file.notebook is not None:
        for statement in file.tree.body:
            found[file.notebook.cell_at(statement.lineno).number].append(statement)
    return found


def counted(file: File) -> list[tuple[Cell, int]]:
    """Return the cells that were executed, with their numbers; not those that only import, or have magics alone."""
    if file.notebook is None:
        return []
    inside = statements(file)
    return [
        (cell, cell.execution_count)
        for cell in file.notebook.cells
        if cell.execution_count is not None and not all(_is_harmless(one) for one in inside[cell.number])
    ]


def _is_harmless(statement: ast.stmt) -> bool:
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return text or isinstance(statement, _HARMLESS)


def is_random(file: File) -> bool:
    """Return whether a file seeds, draws or trains, as far as its text tells."""
    acts = (act(name) for name in file.called)
    return any(found is not None and found.kind in _RANDOM for found in acts) or any(
        event.kind in _RANDOM for event in file.timeline
    )


def drawn_by(file: File, event: Event) -> tuple[str, ...]:
    """Return the global generators that an event of a file's timeline draws from, or none if it is kept apart."""
    if event.kind == "iterate":
        own = any(
            used.argument(call, "generator") is not None or used.has_unpacking(call)
            for used in (file, event.file)
            for call in used.calls(*_LOADERS)
        )
        libraries = (CPU,) if event.name in _LOADERS and not own else ()
    else:
        libraries = event.libraries if event.kind in ("draw", "model", "split") else ()
    return () if libraries and is_apart(file, event) else libraries


def is_apart(file: File, event: Event) -> bool:
    """Return whether what an event draws is drawn from a sequence that no other cell draws from."""
    if file.notebook is not None:
        if _MARK.match(file.notebook.cell_at(event.site.lineno).source.lstrip()):
            return True
        if any(_GUARD.search(cell.source) for cell in file.notebook.cells):
            return True
    return _in_block(file, event.site) or (event.file is not file and _in_block(event.file, event.node))


def _in_block(file: File, node: ast.AST) -> bool:
    blocks = [around for around in file.around(node) if isinstance(around, ast.With)]
    managers = [item.context_expr for block in blocks for item in block.items]
    return any(
        file.resolve(one.func if isinstance(one, ast.Call) else one) in _APART or file.kind_of(one) in _APART
        for one in managers
    )
