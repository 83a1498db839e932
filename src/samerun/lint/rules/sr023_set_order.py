"""The order of a set of texts is another one in every process.

What it does:
    Finds sets that are made into a list, numbered or gone through in a loop where something comes of the order:
    an index, a sequence, a draw. Sets of integers are left alone, as their order is the same every time. Where it
    cannot know what comes of it, and where the name of what is in the set speaks of numbers, it says so under
    ``--pedantic``.

Why it is bad:
    Python gives texts another hash in every process, so a set has them in another order. Classes, words and users
    get other numbers in each run, whatever is seeded, and a model that is loaded gives other answers.

Example:
    ::

        classes = list(set(labels))

Experiment:
    The same line in processes with different hashes, as any two have::

        import os
        import subprocess
        import sys

        for line in ("list(set('abcdefgh'))", "sorted(set('abcdefgh'))"):
            found = set()
            for seed in ("1", "2", "3"):
                environment = {**os.environ, "PYTHONHASHSEED": seed}
                command = [sys.executable, "-S", "-c", f"print({line})"]
                found.add(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
            print(line, "is the same every time:", len(found) == 1)

    It prints::

        list(set('abcdefgh')) is the same every time: False
        sorted(set('abcdefgh')) is the same every time: True

Use instead:
    ::

        classes = sorted(set(labels))

    or ``list(dict.fromkeys(labels))``, which keeps the order in which they come.

When to silence:
    When the set holds integers, or the order of what is made is of no account.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from samerun.lint.file import File
from samerun.lint.finding import Edit, Finding, Fix
from samerun.lint.order import Fate, fate
from samerun.lint.rule import Rule

__all__ = ["RULE"]

_DEEPEST = 8
_SETS = ("builtins.set", "builtins.frozenset")
_TAKE = (
    "builtins.list",
    "builtins.tuple",
    "builtins.enumerate",
    "builtins.zip",
    "builtins.map",
    "builtins.iter",
    "numpy.array",
    "torch.tensor",
    "itertools.chain",
    "random.sample",
    "random.choice",
    "numpy.random.choice",
    "numpy.random.permutation",
)
_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_METHODS = frozenset("union intersection difference symmetric_difference copy".split())
_INTEGERS = frozenset(
    "builtins.int builtins.len builtins.ord builtins.range numpy.arange numpy.where numpy.argsort numpy.nonzero "
    "numpy.argmax numpy.flatnonzero numpy.random.randint numpy.random.permutation torch.randperm torch.arange "
    "random.randint random.randrange numpy.int64 builtins.round builtins.id".split()
)
_LISTS = frozenset(("os.listdir", "glob.glob", "glob.iglob"))
_TEXTS = frozenset("strip lstrip rstrip lower upper title replace format join read read_text decode".split())
_SCALARS = {"builtins.str": "texts", "builtins.int": "integers", "os.path.basename": "texts", "os.path.join": "texts"}
_HELD = {"builtins.int": "integers", "builtins.str": "texts"}
# Names of what is usually a number, or some of them.
_NUMBERS = re.compile(
    r"^(y(_|$)|idx|index|indices)|(^|_)(i|j|k|n|idxs?|inds|indexes|indices|index|ids?|nums?|numbers?|years?|ages?|ints?|"
    r"lens?|lengths?|sizes?|counts?|epochs?|steps?|ranks?|layers?|nodes?|edges?|neighbou?rs?|digits?|positions?|folds?|"
    r"bins?|seeds?|pairs|triples|triplets|coords|coordinates)"
    r"$",
    re.IGNORECASE,
)


def _check(file: File) -> Iterable[Finding]:
    sets = _Sets(file)
    for place, node in _orders(file):
        held = sets.items(node) if sets.is_set(node) else "integers"
        if held == "integers":
            continue
        what = fate(file, node)
        if what is Fate.LOST:
            continue
        texts = held == "texts"
        pedantic = what is Fate.UNKNOWN or (not texts and sets.is_named_for_numbers(node))
        message = (
            "the order of a set is another one in every process, and what is made of it has it"
            if what is Fate.KEPT
            else "the order of a set is another one in every process, which may count where it goes"
        )
        yield Finding(RULE.code, message, file.range(place), _fix(file, place, node, texts), pedantic)


def _orders(file: File) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what puts something into an order, and what is put into one."""
    for call in file.calls(*_TAKE):
        for argument in call.args:
            inner = argument.value if isinstance(argument, ast.Starred) else argument
            if file.resolve(call.func) == "builtins.map" and argument is call.args[0]:
                continue
            yield (call if len(call.args) == 1 else inner), inner
    for loop in file.nodes(ast.For):
        yield loop.iter, loop.iter
    for part in file.nodes(ast.comprehension):
        yield part.iter, part.iter


class _Sets:
    """What is a set, and what is in it."""

    def __init__(self, file: File) -> None:
        self._file = file

    def is_set(self, node: ast.AST | None, depth: int = 0) -> bool:
        if node is None or depth > _DEEPEST:
            return False
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.BinOp):
            sides = (self.is_set(node.left, depth + 1), self.is_set(node.right, depth + 1))
            return isinstance(node.op, _OPERATORS) and any(sides)
        if isinstance(node, ast.Call):
            if self._file.resolve(node.func) in _SETS:
                return True
            method = node.func if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS else None
            return method is not None and self.is_set(method.value, depth + 1)
        if isinstance(node, ast.IfExp):
            return self.is_set(node.body, depth + 1) and self.is_set(node.orelse, depth + 1)
        values = self._values(node)
        return bool(values) and all(self.is_set(value, depth + 1) for value in values)

    def items(self, node: ast.AST | None, depth: int = 0) -> str:
        """Return what is in something that can be gone through: "integers", "texts", or an empty text if unknown."""
        if node is None or depth > _DEEPEST:
            return ""
        if isinstance(node, ast.Set | ast.List | ast.Tuple):
            return _same(self.item(value, depth + 1) for value in node.elts)
        if isinstance(node, ast.SetComp | ast.GeneratorExp | ast.ListComp):
            return self.item(node.elt, depth + 1)
        if isinstance(node, ast.BinOp):
            sides = [self.items(node.left, depth + 1), self.items(node.right, depth + 1)]
            return sides[0] if isinstance(node.op, ast.Sub) else sides[0] or sides[1]
        if isinstance(node, ast.Call):
            return self._called(node, depth)
        if self.item(node, depth + 1) == "texts":
            return "texts"  # those of a text are its characters
        if not isinstance(node, ast.Name):
            return ""
        declared = self._declared(node)
        if declared:
            return declared
        added = [
            self.item(call.args[0], depth + 1)
            for use in self._file.variable(node.id, self._file.index.scopes[node].home(node.id))
            if isinstance(method := self._file.parent(use), ast.Attribute)
            and method.attr == "add"
            and isinstance(call := self._file.parent(method), ast.Call)
            and call.func is method
            and len(call.args) == 1
        ]
        values = [value for value in self._values(node) if not _is_empty(value)]
        return _same([*added, *(self.items(value, depth + 1) for value in values)])

    def _called(self, node: ast.Call, depth: int) -> str:
        name = self._file.resolve(node.func)
        if name in _INTEGERS:
            return "integers"
        if name in _LISTS:
            return "texts"
        if name == "builtins.map" and len(node.args) == 2:
            return _SCALARS.get(self._file.resolve(node.args[0]) or "", "")
        if name in (*_SETS, "builtins.list", "builtins.tuple", "builtins.sorted", "random.sample") and node.args:
            return self.items(node.args[0], depth + 1)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in _METHODS:
                return self.items(node.func.value, depth + 1)
            return "texts" if node.func.attr in ("split", "splitlines", "readlines", *_TEXTS) else ""
        return ""

    def item(self, node: ast.AST, depth: int = 0) -> str:
        """Return what one thing is, in the words of ``items``."""
        if depth > _DEEPEST:
            return ""
        if isinstance(node, ast.Constant):
            return "integers" if isinstance(node.value, int) else "texts" if isinstance(node.value, str) else ""
        if isinstance(node, ast.JoinedStr):
            return "texts"
        if isinstance(node, ast.Call):
            name = self._file.resolve(node.func)
            if name in _INTEGERS:
                return "integers"
            method = isinstance(node.func, ast.Attribute) and node.func.attr in _TEXTS
            return _SCALARS.get(name or "", "texts" if method else "")
        if isinstance(node, ast.BinOp):
            sides = (self.item(node.left, depth + 1), self.item(node.right, depth + 1))
            return sides[0] if sides[0] == sides[1] or sides[0] == "texts" else ""
        if isinstance(node, ast.Subscript):
            return "texts" if self.items(node.value, depth + 1) == "texts" else ""
        if isinstance(node, ast.Name):
            return _same(self._bound(binding.node, binding.value, depth) for binding in self._file.names.bindings(node))
        return ""

    def _declared(self, node: ast.Name) -> str:
        """Return what a parameter is said to hold: ``list[int]``."""
        marks = [getattr(binding.node, "annotation", None) for binding in self._file.names.bindings(node)]
        names = [self._file.resolve(mark.slice) if isinstance(mark, ast.Subscript) else None for mark in marks]
        return _same(_HELD.get(name or "", "") for name in names)

    def _bound(self, node: ast.AST, value: ast.AST | None, depth: int) -> str:
        """Return what a name holds that is assigned a value, or the items of a loop."""
        if value is not None:
            return self.item(value, depth + 1)
        around = self._file.parent(node)
        if isinstance(around, ast.AugAssign):
            return self.item(around.value, depth + 1)
        if isinstance(around, ast.Tuple):
            loop = self._file.parent(around)
            items = loop.iter if isinstance(loop, ast.For | ast.comprehension) else None
            return "integers" if around.elts[0] is node and self._is_enumerate(items) else ""
        return self.items(around.iter, depth + 1) if isinstance(around, ast.For | ast.comprehension) else ""

    def _is_enumerate(self, node: ast.expr | None) -> bool:
        return isinstance(node, ast.Call) and self._file.resolve(node.func) == "builtins.enumerate"

    def is_named_for_numbers(self, node: ast.AST) -> bool:
        """Return whether the name of a set, or of what it is made of, is one of numbers."""
        names: list[str] = []
        for value in (node, *self._values(node)):
            for found in ast.walk(value):
                if isinstance(found, ast.Name):
                    names.append(found.id)
                elif isinstance(found, ast.Attribute):
                    names.append(found.attr)
                elif isinstance(found, ast.Subscript) and isinstance(found.slice, ast.Constant):
                    names.append(str(found.slice.value))
        return any(_NUMBERS.search(name) for name in names)

    def _values(self, node: ast.AST) -> list[ast.AST]:
        """Return all that a name, or an attribute of an object's own, is assigned; empty if some is not known."""
        values: list[ast.AST | None] = []
        if isinstance(node, ast.Name):
            for binding in self._file.names.bindings(node):
                around = self._file.parent(binding.node)
                if isinstance(around, ast.AugAssign) and isinstance(around.op, _OPERATORS):
                    continue
                values.append(binding.value)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            around_class = self._file.enclosing(node, ast.ClassDef)
            if around_class is not None:
                values = [*self._file.index.inner[around_class].attributes.get(node.attr, [])]
        return [] if None in values else [value for value in values if value is not None]


def _same(found: Iterable[str]) -> str:
    """Return what all of these are, if it is one thing."""
    each = set(found)
    return each.pop() if len(each) == 1 else ""


def _is_empty(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and not node.args


def _fix(file: File, place: ast.expr, node: ast.expr, texts: bool) -> Fix | None:
    if "sorted" in file.index.module.names:
        return None
    made = file.resolve(place.func) if isinstance(place, ast.Call) else None
    edits: tuple[Edit, ...]
    if made == "builtins.list" and isinstance(place, ast.Call) and isinstance(place.func, ast.Name):
        edits = (file.replace(place.func, "sorted"),)
    else:
        edits = (file.insert(node, "sorted(", after=False), file.insert(node, ")"))
    # Texts can be sorted; what else is in a set need not be.
    return Fix(edits, texts, "sort it")


RULE = Rule("SR023", "set-order", "the order of a set is another one in every process", _check)
