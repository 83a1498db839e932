"""Seeds that a file has at hand, for cures that need one."""

from __future__ import annotations

import ast

from samerun.lint.file import File
from samerun.lint.scopes import Binding, Scope
from samerun.lint.syntax import Function, begin
from samerun.lint.vocabulary import act

__all__ = ["seed_at"]

_NAMES = ("seed", "SEED", "random_state", "RANDOM_STATE", "random_seed", "RANDOM_SEED")


def seed_at(file: File, node: ast.AST) -> str:
    """Return the text of a seed that can be used where a node stands: a name, what the file seeds with, or 0."""
    scope = _scope(file, node)
    for name in _NAMES:
        if _is_known(scope, name, node):
            return name
    for name, calls in file.called.items():
        found = act(name)
        if found is None or found.kind != "seed":
            continue
        for given in (call.args[0] for call in calls if call.args):
            root = given
            while isinstance(root, ast.Attribute):
                root = root.value
            if not isinstance(root, ast.Name) or not _is_known(scope, root.id, node):
                continue
            if "seed" in file.segment(given).lower() and scope.home(root.id) is file.index.scopes[root].home(root.id):
                return file.segment(given)
    return "0"


def _scope(file: File, node: ast.AST) -> Scope:
    inner = file.index.inner
    return next((inner[around] for around in file.around(node) if around in inner), file.index.module)


def _is_known(scope: Scope, name: str, node: ast.AST) -> bool:
    """Return whether a name has a value where a node stands, as far as the order of the text tells."""
    home = scope.home(name)
    if home is None or any(_is_function(binding, name) for binding in home.names[name]):
        return False
    return any(begin(binding.node)[0] < begin(node)[0] for binding in home.names[name])


def _is_function(binding: Binding, name: str) -> bool:
    if binding.source is not None:  # from numpy.random import seed
        return binding.source.name is not None and name == "seed"
    return isinstance(binding.value, Function | ast.ClassDef) and name in _NAMES
