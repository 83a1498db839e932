"""What names hold: the constructor that made it, where there is one that made it every time."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from samerun.lint.names import Definition, Meaning
from samerun.lint.syntax import Function, is_constant

if TYPE_CHECKING:
    from samerun.lint.file import File

__all__ = ["Values"]

_DEEPEST = 12


class Values:
    """Follows the values of one file's names and attributes."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[ast.AST, Meaning] = {}

    def maker(self, node: ast.AST | None, depth: int = 0) -> Meaning:
        """Return what was called to make the value of an expression: a dotted name or a class of the project.

        A function of the project that returns one thing is looked into.
        """
        if node is None or depth > _DEEPEST:
            return None
        if node not in self._known:
            self._known[node] = None
            self._known[node] = self._maker(node, depth + 1)
        return self._known[node]

    def ancestors(self, node: ast.ClassDef, depth: int = 0) -> frozenset[str]:
        """Return the dotted names of the libraries' classes that a class derives from, directly or not."""
        found: set[str] = set()
        for base in node.bases:
            meaning = self._file.names.meaning(base.value if isinstance(base, ast.Subscript) else base)
            if isinstance(meaning, str):
                found.add(meaning)
            elif meaning is not None and isinstance(meaning.node, ast.ClassDef) and depth < _DEEPEST:
                found |= meaning.file.values.ancestors(meaning.node, depth + 1)
        return frozenset(found)

    def method(self, node: ast.ClassDef, name: str, depth: int = 0) -> Definition | None:
        """Return a method of a class or of those of the project that it derives from."""
        for statement in node.body:
            if isinstance(statement, Function) and statement.name == name:
                return Definition(self._file, statement)
        for base in node.bases:
            meaning = self._file.names.meaning(base)
            if isinstance(meaning, Definition) and isinstance(meaning.node, ast.ClassDef) and depth < _DEEPEST:
                found = meaning.file.values.method(meaning.node, name, depth + 1)
                if found is not None:
                    return found
        return None

    def callee(self, call: ast.Call) -> Meaning:
        """Return what a call calls; also a method of something whose class is in the project."""
        found = self._file.names.meaning(call.func)
        if found is None and isinstance(call.func, ast.Attribute):
            owner = self._owner(call.func.value)
            if isinstance(owner, Definition) and isinstance(owner.node, ast.ClassDef):
                return owner.file.values.method(owner.node, call.func.attr)
        return found

    def _owner(self, node: ast.expr) -> Meaning:
        around = self._self(node)
        return Definition(self._file, around) if around is not None else self.maker(node)

    def _self(self, node: ast.expr) -> ast.ClassDef | None:
        """Return the class that the first argument of a method is an instance of."""
        if not isinstance(node, ast.Name):
            return None
        bindings = self._file.names.bindings(node)
        if len(bindings) != 1 or not isinstance(bindings[0].node, ast.arg):
            return None
        function = self._file.enclosing_function(bindings[0].node)
        around = self._file.parent(function) if function is not None else None
        if not isinstance(around, ast.ClassDef) or function is None:
            return None
        first = (*function.args.posonlyargs, *function.args.args)[:1]
        static = any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in function.decorator_list)
        return around if first and first[0] is bindings[0].node and not static else None

    def _maker(self, node: ast.AST, depth: int) -> Meaning:
        if isinstance(node, ast.Call):
            return self._called(node, depth)
        if isinstance(node, ast.Name):
            bindings = self._file.names.bindings(node)
            # In x, y = accelerator.prepare(x, y) they stay what they are.
            values = [one.value for one in bindings if self._file.names.bindings(one.value) is not bindings]
        elif isinstance(node, ast.Attribute):
            owner = self._owner(node.value)
            if not isinstance(owner, Definition) or not isinstance(owner.node, ast.ClassDef):
                return None
            scope = owner.file.index.inner[owner.node]
            theirs = owner.file.values
            values = [value for value in scope.attributes.get(node.attr, []) if not theirs.is_own(value, node.attr)]
            return theirs.same(values, depth)
        elif isinstance(node, ast.IfExp):
            values = [node.body, node.orelse]
        else:
            return None
        return self.same(values, depth)

    def is_own(self, value: ast.AST | None, name: str) -> bool:
        """Return whether a value is this attribute of ``self``: what it is assigned it is already."""
        return isinstance(value, ast.Attribute) and value.attr == name and self._self(value.value) is not None

    def same(self, values: list[ast.AST | None], depth: int) -> Meaning:
        """Return the maker of all of these, and None unless it is the same for each."""
        makers = [self.maker(value, depth) for value in values if not is_constant(value, None)]
        return makers[0] if makers and all(maker == makers[0] for maker in makers) else None

    def _called(self, node: ast.Call, depth: int) -> Meaning:
        found = self.callee(node)
        if not isinstance(found, Definition) or isinstance(found.node, ast.ClassDef):
            return found
        if isinstance(found.node, Function):
            values = found.file.returned(found.node)
            return found.file.values.same([*values], depth) if values else None
        return None
