"""Shapes of Python's syntax that say something without the file around them: functions, constants, last names."""

from __future__ import annotations

import ast
from typing import Protocol, cast

__all__ = ["FUNCTIONS", "Function", "begin", "called", "end", "is_constant", "is_off", "names_in", "text_of"]

#: A function or method with a name.
Function = ast.FunctionDef | ast.AsyncFunctionDef
#: All that a call runs later.
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class _Placed(Protocol):
    """What has a place in the text: all but the module, lists of arguments, comprehensions, contexts and operators."""

    lineno: int
    col_offset: int
    end_lineno: int
    end_col_offset: int


def begin(node: ast.AST) -> tuple[int, int]:
    """Return the line, from 1, and the byte in it, from 0, that a node begins at."""
    placed = cast("_Placed", node)
    return placed.lineno, placed.col_offset


def end(node: ast.AST) -> tuple[int, int]:
    """Return the line, from 1, and the byte in it, from 0, that a node ends before."""
    placed = cast("_Placed", node)
    return placed.end_lineno, placed.end_col_offset


def called(node: ast.AST) -> str:
    """Return the last part of a name, or of that of what is called; empty for what has none."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_constant(node: ast.AST | None, value: bool | None) -> bool:
    """Return whether an expression is written as ``True``, ``False`` or ``None``, whichever is asked for."""
    return isinstance(node, ast.Constant) and node.value is value


def is_off(node: ast.AST | None) -> bool:
    """Return whether an argument is given and written as something false: ``False``, ``None``, ``0``."""
    return isinstance(node, ast.Constant) and not node.value


def names_in(node: ast.AST) -> set[str]:
    """Return the names that stand in a node."""
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}


def text_of(node: ast.AST | None) -> str | None:
    """Return the text that a constant is."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
