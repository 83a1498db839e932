"""Private generators that a notebook treats like the global ones, found by expressions such as ``dataset.rng``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from samerun.errors import NotebookError
from samerun.rng.discovery import private_sources
from samerun.rng.registry import global_sources
from samerun.rng.source import Source

__all__ = ["Watches"]


class Watches:
    """The watched expressions, and the generators inside what each gave when it was last looked at."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watch] = {}

    @property
    def expressions(self) -> tuple[str, ...]:
        """What is watched."""
        return tuple(self._watched)

    @property
    def sources(self) -> dict[str, Source[Any]]:
        """The generators as sources, each named by its expression and its path in there."""
        return {name: source for watch in self._watched.values() for name, source in watch.sources.items()}

    def add(self, expression: str, namespace: Mapping[str, Any]) -> tuple[str, ...]:
        """Watch an expression; return the names of the generators inside.

        Raises:
            NotebookError: if it is no name with attributes and items, cannot be evaluated, or gives something
                without a private generator.
        """
        watch = _Watch(expression)
        try:
            watch.look(namespace)
        except Exception as error:
            raise NotebookError(expression, f"cannot be watched: {type(error).__name__}: {error}") from error
        if not watch.sources:
            reason = "no private generator inside; the global ones are covered without being named"
            raise NotebookError(expression, reason)
        taken = watch.sources.keys() & (global_sources().keys() | self._others(expression))
        if taken:
            raise NotebookError(
                expression, f"there is another source named {min(taken)!r}; give the object another name"
            )
        self._watched[expression] = watch
        return tuple(watch.sources)

    def remove(self, expression: str) -> None:
        """Watch it no longer.

        Raises:
            NotebookError: if it is not watched.
        """
        if expression not in self._watched:
            raise NotebookError(expression, f"is not watched; what is: {', '.join(self._watched) or 'nothing'}")
        del self._watched[expression]

    def refresh(self, namespace: Mapping[str, Any]) -> dict[str, str]:
        """Look at every expression again; drop those without generators, and return why, by expression."""
        gone = {}
        for expression, watch in list(self._watched.items()):
            try:
                watch.look(namespace)
            except Exception as error:
                gone[expression] = f"{type(error).__name__}: {error}"
            else:
                if not watch.sources:
                    gone[expression] = "no private generator inside"
        for expression in gone:
            del self._watched[expression]
        return gone

    def _others(self, expression: str) -> set[str]:
        watches = (watch for other, watch in self._watched.items() if other != expression)
        return {name for watch in watches for name in watch.sources}


class _Watch:
    """One expression. It is evaluated at each look, and searched only when it gives another object than before."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._code = compile(_checked(expression), "<rng watch>", "eval")
        self._value: object = self  # no object of the notebook's
        self.sources: dict[str, Source[Any]] = {}

    def look(self, namespace: Mapping[str, Any]) -> None:
        value = eval(self._code, {}, namespace)  # noqa: S307  # what the user typed, and only names in it
        if value is self._value:
            return
        sources = private_sources((value,))
        for name, source in sources.items():
            source.name = self._expression + name.removeprefix("objects[0]")
        self._value, self.sources = value, {source.name: source for source in sources.values()}


def _checked(expression: str) -> ast.Expression:
    """Return a parsed expression that is nothing but a name, attributes and constant items, which call no function."""
    expected = "expected a name such as dataset, dataset.transform.rng or rngs[0]"
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError as error:
        raise NotebookError(expression, f"cannot be watched; {expected}") from error
    node = tree.body
    while isinstance(node, ast.Attribute) or (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)):
        node = node.value
    if not isinstance(node, ast.Name):
        raise NotebookError(expression, f"cannot be watched; {expected}")
    return tree
