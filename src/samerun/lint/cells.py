"""What each cell of a notebook does to the generators, and what the numbers beside the cells tell."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from samerun.lint.syntax import begin
from samerun.lint.vocabulary import CPU, LOADERS, act

if TYPE_CHECKING:
    from samerun.lint.file import File
    from samerun.lint.flow import Event
    from samerun.lint.notebook import Cell, Notebook

__all__ = ["Cells"]

_RANDOM = frozenset("seed entropy draw model split iterate train loader generator restore unknown-seed".split())
# In these blocks the generators are borrowed: afterwards they are as they were.
_APART = frozenset(("samerun.isolate", "samerun.Stream", "torch.fork_rng", "lightning.isolate_rng"))
_MARK = re.compile(r"(%%(isolate|stream)\b|#\s*samerun:\s*(?!noqa)[\w.-]+\s*$)", re.MULTILINE)
_GUARD = re.compile(r"^\s*%rng\s+guard\b", re.MULTILINE)
_HARMLESS = (ast.Import, ast.ImportFrom, ast.Pass)


class Cells:
    """The cells of one notebook."""

    def __init__(self, file: File, notebook: Notebook) -> None:
        self._file = file
        self._notebook = notebook

    def of(self, event: Event) -> Cell:
        """Return the cell in which an event of the notebook's timeline happens, or that leads there."""
        return self._notebook.cell_at(event.site.lineno)

    @cached_property
    def training(self) -> frozenset[int]:
        """The numbers of the cells that train."""
        return frozenset(self.of(event).number for event in self._file.timeline if self.trains(event))

    def trains(self, event: Event) -> bool:
        """Return whether an event is part of a training; ``x.backward()`` alone shows what a gradient is."""
        return event.kind == "train" and (event.training or event.name == "fit")

    def number_of(self, node: ast.AST) -> int:
        """Return the number of the cell in which a node stands."""
        return self._notebook.cell_at(begin(node)[0]).number

    @cached_property
    def statements(self) -> dict[int, list[ast.stmt]]:
        """The statements of each code cell by its number."""
        found: defaultdict[int, list[ast.stmt]] = defaultdict(list)
        for statement in self._file.tree.body:
            found[self.number_of(statement)].append(statement)
        return dict(found)

    @cached_property
    def counted(self) -> list[tuple[Cell, int]]:
        """The cells that were executed, with their numbers; not those that only import, or have magics alone."""
        return [
            (cell, cell.execution_count)
            for cell in self._notebook.cells
            if cell.execution_count is not None
            and not all(_is_harmless(one) for one in self.statements.get(cell.number, ()))
        ]

    @cached_property
    def is_random(self) -> bool:
        """Whether the notebook seeds, draws or trains, as far as its text tells."""
        kinds = {found.kind for found in map(act, self._file.called) if found is not None}
        if any(name.endswith("Trainer") for name in self._file.called):
            return True
        return not _RANDOM.isdisjoint(kinds) or any(event.kind in _RANDOM for event in self._file.timeline)

    def drawn_by(self, event: Event) -> tuple[str, ...]:
        """Return the global generators that an event draws from; none if it is kept apart from other cells.

        What trains in a loop goes over a loader there, if the notebook makes one.
        """
        libraries = event.libraries if event.kind in ("draw", "model", "split") else ()
        if event.kind == "iterate":
            libraries = (CPU,) if event.name in LOADERS and not self._have_own(event.file) else ()
        elif event.kind == "train" and event.training and self._file.calls(*LOADERS):
            libraries = () if self._have_own(event.file) else (CPU,)
        return () if libraries and self._is_apart(event) else libraries

    def _have_own(self, used: File) -> bool:
        """Return whether a loader has, or may have, a generator of its own."""
        files = (self._file,) if used is self._file else (self._file, used)
        calls = [(file, call) for file in files for call in file.calls(*LOADERS)]
        return any(file.argument(call, "generator") is not None or file.has_unpacking(call) for file, call in calls)

    def _is_apart(self, event: Event) -> bool:
        if self._is_guarded or _MARK.match(self.of(event).source.lstrip()):
            return True
        return _in_block(self._file, event.site) or _in_block(event.file, event.node)

    @cached_property
    def _is_guarded(self) -> bool:
        return any(_GUARD.search(cell.source) for cell in self._notebook.cells)


def _is_harmless(statement: ast.stmt) -> bool:
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return text or isinstance(statement, _HARMLESS)


def _in_block(file: File, node: ast.AST) -> bool:
    blocks = [around for around in file.around(node) if isinstance(around, ast.With)]
    managers = [item.context_expr for block in blocks for item in block.items]
    return any(
        file.resolve(one.func if isinstance(one, ast.Call) else one) in _APART or file.kind_of(one) in _APART
        for one in managers
    )
