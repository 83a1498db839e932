"""Which uses of a name may be of what one assignment gives it, and not of what it is given after that."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from samerun.lint.syntax import FUNCTIONS

if TYPE_CHECKING:
    from samerun.lint.file import File

__all__ = ["reaches"]


def reaches(file: File, statement: ast.Assign, use: ast.Name) -> bool:
    """Return whether a use may be of what a statement gives the name, and not of what it is given after that."""
    last = _last_given(file, use)
    if last is None or last is statement or last.lineno < statement.lineno < use.lineno:
        return True
    # From one round of a loop to the next.
    return statement.lineno > use.lineno and any(
        file.is_inside(statement, loop) and not file.is_inside(last, loop) for loop in file.loops(use)
    )


def _last_given(file: File, use: ast.Name) -> ast.Assign | None:
    """Return the last statement of its function before a use that surely gives the name something."""
    inner: ast.AST = use
    for around in file.around(use):
        if isinstance(inner, ast.stmt):
            for block in ("body", "orelse", "finalbody"):
                statements = getattr(around, block, None)
                if isinstance(statements, list) and inner in statements:
                    found = _gives(statements[: statements.index(inner)], use.id)
                    if found is not None:
                        return found
        if isinstance(around, FUNCTIONS):
            break
        inner = around
    return None


def _gives(statements: list[ast.stmt], name: str) -> ast.Assign | None:
    """Return the last of some statements that assigns to a name."""
    for statement in reversed(statements):
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in statement.targets
        ):
            return statement
    return None
