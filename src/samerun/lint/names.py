"""What an expression means: a library's dotted name, or a function, class or module of the project."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from typing import TYPE_CHECKING

from samerun.lint.canonical import canonical
from samerun.lint.scopes import Binding, Import, Scope
from samerun.lint.syntax import Function, is_constant

if TYPE_CHECKING:
    from samerun.lint.file import File

__all__ = ["Definition", "Names"]

# Names that lead to names that lead to names: beyond this somebody plays a game.
_DEEPEST = 24
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, class or module (then the tree) of the project, and the file that it stands in."""

    file: File
    node: ast.AST


# A text is the dotted name of something in a library.
Meaning = str | Definition | None


class Names:
    """Follows the names of one file, and into the project where they lead there."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[tuple[int, str], Meaning] = {}

    def meaning(self, node: ast.AST | None, depth: int = 0) -> Meaning:
        """Return what a name, or a name with attributes, means; None where that cannot be known."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        scope = self._file.index.scopes.get(node)
        if scope is None:
            return None
        found = self._name(scope, node.id, depth)
        for attribute in reversed(attributes):
            found = _attribute(found, attribute, depth)
        return found

    def bindings(self, node: ast.AST | None) -> list[Binding]:
        """Return all places that give a name its meaning; empty for one that nobody binds."""
        if not isinstance(node, ast.Name):
            return []
        home = self._file.index.scopes[node].home(node.id)
        return home.names[node.id] if home is not None else []

    def member(self, name: str, depth: int) -> Meaning:
        """Return what another module gets that imports a name from this one."""
        module = self._file.index.module
        if name in module.names:
            return self._name(module, name, depth)
        for star in module.stars:
            found = self._file.project.find(self._file, star.level, star.module)
            if found is not None and depth < _DEEPEST:
                inner = found.names.member(name, depth + 1)
                if inner is not None:
                    return inner
        return None

    def _name(self, scope: Scope, name: str, depth: int) -> Meaning:
        home = scope.home(name)
        if home is None:
            found = self.member(name, depth) if self._file.index.module.stars else None
            return f"builtins.{name}" if found is None and name in _BUILTINS else found
        key = id(home), name
        if key not in self._known:
            if depth > _DEEPEST:
                return None
            self._known[key] = None  # what leads back to itself means nothing
            self._known[key] = self._bound(home.names[name], depth + 1)
        return self._known[key]

    def _bound(self, bindings: list[Binding], depth: int) -> Meaning:
        imports = [binding for binding in bindings if binding.source is not None]
        if imports:  # `try: import x` and `except ImportError: x = None`
            bindings = [binding for binding in bindings if not is_constant(binding.value, None)]
        elif len(bindings) > 1:
            return None  # two assignments of the same function are two chances to be another one
        found: Meaning = None
        for binding in bindings:
            one = self._one(binding, depth)
            if one is None or found not in (None, one):
                return None
            found = one
        return found

    def _one(self, binding: Binding, depth: int) -> Meaning:
        if binding.source is not None:
            return self._imported(binding.source, depth)
        if isinstance(binding.value, Function | ast.ClassDef):
            return Definition(self._file, binding.value)
        if isinstance(binding.value, ast.Name | ast.Attribute):
            return self.meaning(binding.value, depth)
        return None

    def _imported(self, source: Import, depth: int) -> Meaning:
        module = self._file.project.find(self._file, source.level, source.module)
        if module is not None:
            whole = Definition(module, module.tree)
            return whole if source.name is None else _attribute(whole, source.name, depth)
        if source.level:  # a folder without __init__.py, or nothing at all
            inner = f"{source.module}.{source.name}" if source.module else source.name
            module = self._file.project.find(self._file, source.level, inner or "")
        elif source.name is not None:
            module = self._file.project.find(self._file, 0, f"{source.module}.{source.name}")
        if module is not None:
            return Definition(module, module.tree)
        if source.level:
            return None
        return canonical(source.module if source.name is None else f"{source.module}.{source.name}")


def _attribute(found: Meaning, name: str, depth: int) -> Meaning:
    if isinstance(found, str):
        return canonical(f"{found}.{name}")
    if found is None or depth > _DEEPEST:
        return None
    if isinstance(found.node, ast.Module):
        inner = found.file.names.member(name, depth + 1)
        if inner is None:
            below = found.file.project.find(found.file, 1, name)
            inner = Definition(below, below.tree) if below is not None and found.file.is_package else None
        return inner
    if isinstance(found.node, ast.ClassDef):
        return found.file.values.method(found.node, name, depth + 1)
    return None
