"""What becomes of the order of some items: whether anything comes of it, or it is lost in a sum, a set or a sort.

It follows an expression through the names, attributes, loops and functions of one file that its items go through.
Where they leave the file it cannot know.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from samerun.lint.items import ADDS, ASKS, BARS, CARRIES, COUNTERS, DATASETS, FORGETS, ROWS, SORTING, SORTS
from samerun.lint.reaching import reaches
from samerun.lint.syntax import FUNCTIONS, Function, called, names_in
from samerun.lint.vocabulary import act

if TYPE_CHECKING:
    from samerun.lint.file import File
    from samerun.lint.scopes import Scope

__all__ = ["Fate", "fate"]


class Fate(IntEnum):
    """What becomes of an order; the greater one counts where items go two ways."""

    #: They are sorted, on this way or beside it.
    SORTED = -1
    #: Nothing depends on it.
    LOST = 0
    #: It leaves what can be read here.
    UNKNOWN = 1
    #: Something comes of it: an index, a sequence, a draw.
    KEPT = 2


_DEEPEST = 12


def fate(file: File, node: ast.expr) -> Fate:
    """Return what becomes of the order of the items of an expression."""
    return max(Fate.LOST, _Ways(file, node).of(node))


class _Ways:
    def __init__(self, file: File, items: ast.expr) -> None:
        self._file = file
        self._items = items
        self._seen: set[tuple[str, object]] = set()
        self._depth = 0

    def of(self, node: ast.AST) -> Fate:
        """Return what becomes of the order of what an expression holds."""
        if self._depth > _DEEPEST:
            return Fate.UNKNOWN
        self._depth += 1
        try:
            parent = self._file.parent(node)
            way = _WAYS.get(type(parent))
            return way(self, parent, node) if way is not None and parent is not None else Fate.UNKNOWN
        finally:
            self._depth -= 1

    # One way for each node that items can be in

    def _keyword(self, parent: ast.AST, _: ast.AST) -> Fate:
        call = self._file.parent(parent)
        return self._argument(call, parent) if isinstance(call, ast.Call) else Fate.UNKNOWN

    def _argument(self, call: ast.AST, node: ast.AST) -> Fate:
        assert isinstance(call, ast.Call)
        if node is call.func:
            return Fate.UNKNOWN
        if called(call) in BARS:
            return self.of(call)
        name = self._file.resolve(call.func)
        if name is not None:
            return self._given(call, name)
        if isinstance(call.func, ast.Attribute) and self._file.definition(call) is None:
            return self._method(call.func)
        return self._project(call, node)

    def _given(self, call: ast.Call, name: str) -> Fate:
        if name in SORTS:
            return Fate.SORTED
        if name in FORGETS:
            return Fate.LOST
        if name in CARRIES:
            if name == "builtins.enumerate" and self._numbers(call):
                return Fate.KEPT
            return self.of(call)
        if name in ROWS:
            return _rows(self.of(call))
        what = act(name)
        return Fate.KEPT if what is not None and what.kind in ("draw", "split", "loader") else Fate.UNKNOWN

    def _numbers(self, call: ast.Call) -> bool:
        """Return whether numbers are given to the items for keeps, as in ``{c: i for i, c in enumerate(...)}``."""
        around = self._file.parent(call)
        if not isinstance(around, ast.comprehension) or not isinstance(around.target, ast.Tuple):
            return False
        number, whole = around.target.elts[0], self._file.parent(around)
        if not isinstance(number, ast.Name) or not isinstance(whole, ast.DictComp):
            return False
        return any(isinstance(part, ast.Name) and part.id == number.id for part in (whole.key, whole.value))

    def _method(self, function: ast.Attribute) -> Fate:
        """Return what a method does with an argument: of a list, a set, something unknown."""
        if function.attr in ADDS:
            return self._holder(function.value)
        if function.attr in ASKS:
            return Fate.LOST
        if function.attr in ("choice", "shuffle", "permutation", "sample"):
            return Fate.KEPT  # of a generator
        return Fate.UNKNOWN

    def _project(self, call: ast.Call, node: ast.AST) -> Fate:
        """Follow an argument into a function of the same file, or a dataset."""
        target = self._file.definition(call)
        if target is None:
            return Fate.UNKNOWN
        function: ast.AST | None = target.node
        skip = 0
        if isinstance(function, ast.ClassDef):
            if any(name.startswith(DATASETS) for name in target.file.ancestors(function)):
                return Fate.KEPT
            start = target.file.values.method(function, "__init__")
            function, skip = (start.node if start is not None and start.file is self._file else None), 1
        if target.file is not self._file or not isinstance(function, Function):
            return Fate.UNKNOWN
        if isinstance(self._file.parent(function), ast.ClassDef):
            skip = 1
        args = [*function.args.posonlyargs, *function.args.args]
        if isinstance(node, ast.keyword):
            found = next((arg for arg in [*args, *function.args.kwonlyargs] if arg.arg == node.arg), None)
        else:
            position = skip + next((n for n, arg in enumerate(call.args) if arg is node), len(args))
            found = args[position] if position < len(args) else None
        return self._name(self._file.index.inner[function], found.arg) if found is not None else Fate.UNKNOWN

    def _comprehension(self, parent: ast.AST, node: ast.AST) -> Fate:
        assert isinstance(parent, ast.comprehension)
        if node is not parent.iter:
            return Fate.LOST  # a condition
        whole = self._file.parent(parent)
        if isinstance(whole, ast.SetComp):
            return Fate.LOST
        return self.of(whole) if whole is not None else Fate.UNKNOWN

    def _element(self, parent: ast.AST, node: ast.AST) -> Fate:
        """Return what becomes of a list of lists, whose own items are in an order."""
        around = self._file.parent(parent)
        if isinstance(parent, ast.Tuple) and isinstance(around, ast.Return) and isinstance(node, ast.expr):
            return self._returned(around, parent, parent.elts.index(node))
        return min(self.of(parent), Fate.UNKNOWN)

    def _value(self, parent: ast.AST, _: ast.AST) -> Fate:
        """Follow a column of ``pandas.DataFrame({"path": files})``."""
        call = self._file.parent(parent)
        table = isinstance(call, ast.Call) and self._file.resolve(call.func) in ROWS
        return self._argument(call, parent) if table and call is not None else Fate.UNKNOWN

    def _unpacked(self, parent: ast.AST, _: ast.AST) -> Fate:
        around = self._file.parent(parent)
        if isinstance(around, ast.Call):
            return self._argument(around, parent)
        return self.of(around) if isinstance(around, ast.List | ast.Tuple) else Fate.LOST

    def _lost(self, _: ast.AST, __: ast.AST) -> Fate:
        return Fate.LOST

    def _through(self, parent: ast.AST, _: ast.AST) -> Fate:
        return self.of(parent)

    def _choice(self, parent: ast.AST, node: ast.AST) -> Fate:
        assert isinstance(parent, ast.IfExp)
        return Fate.LOST if node is parent.test else self.of(parent)

    def _sum(self, parent: ast.AST, _: ast.AST) -> Fate:
        assert isinstance(parent, ast.BinOp)
        return self.of(parent) if isinstance(parent.op, ast.Add) else Fate.UNKNOWN

    def _item(self, parent: ast.AST, node: ast.AST) -> Fate:
        assert isinstance(parent, ast.Subscript)
        key = isinstance(parent.slice, ast.Constant) and isinstance(parent.slice.value, str)
        if key or isinstance(parent.ctx, ast.Store | ast.Del):
            return Fate.LOST
        if node is not parent.value:
            return Fate.KEPT if self._are_columns(parent) else Fate.UNKNOWN
        if isinstance(parent.slice, ast.Slice):
            return self.of(parent)
        function = self._file.enclosing(parent, ast.FunctionDef)
        if function is not None and function.name == "__getitem__" and not isinstance(parent.slice, ast.Constant):
            return Fate.KEPT
        loop = next((loop for loop in self._file.loops(parent) if _counts(loop, parent.slice)), None)
        if isinstance(loop, ast.For):
            return self._body(loop)
        chosen = self._chosen_in(parent)
        return self.of(chosen) if chosen is not None else Fate.UNKNOWN

    def _chosen_in(self, item: ast.Subscript) -> ast.ListComp | None:
        """Return the list that items are chosen for by their numbers, as in ``[files[i] for i in part]``."""
        around = self._file.parent(item)
        if not isinstance(around, ast.ListComp) or around.elt is not item or len(around.generators) != 1:
            return None
        number = around.generators[0].target
        same = isinstance(number, ast.Name) and isinstance(item.slice, ast.Name) and number.id == item.slice.id
        return around if same else None

    def _are_columns(self, node: ast.AST) -> bool:
        """Return whether a table gets its columns here, as in ``X = train[features].values``."""
        around = self._file.parent(node)
        while isinstance(around, ast.Attribute | ast.Call):
            if isinstance(around, ast.Attribute) and around.attr not in ("values", "copy", "to_numpy"):
                return False
            if isinstance(around, ast.Call) and node is not around.func:
                return False
            node, around = around, self._file.parent(around)
        return isinstance(around, ast.Assign) and isinstance(around.targets[0], ast.Name)

    def _attribute(self, parent: ast.AST, _: ast.AST) -> Fate:
        assert isinstance(parent, ast.Attribute)
        if parent.attr in SORTING:
            return Fate.SORTED
        call = self._file.parent(parent)
        if parent.attr == "index" and isinstance(call, ast.Call):
            return Fate.KEPT
        if parent.attr in ASKS:
            return Fate.LOST
        if parent.attr in ("copy", "tolist", "items", "keys", "values", "reset_index"):
            return self.of(call) if call is not None else Fate.UNKNOWN
        return Fate.UNKNOWN

    def _assigned(self, parent: ast.AST, _: ast.AST) -> Fate:
        assert isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.AugAssign)
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        return _of_all(self._holder(target) for target in targets)

    def _walrus(self, parent: ast.AST, node: ast.AST) -> Fate:
        return _of_all((self._assigned(parent, node), self.of(parent)))

    def _looped(self, parent: ast.AST, node: ast.AST) -> Fate:
        assert isinstance(parent, ast.For | ast.AsyncFor)
        return self._body(parent) if node is parent.iter else Fate.LOST

    def _returned(self, parent: ast.AST, _: ast.AST, position: int | None = None) -> Fate:
        """Follow what a function returns, or one of the things that it does, to where the file calls it."""
        function = self._file.enclosing(parent, *FUNCTIONS)
        if not isinstance(function, Function) or (f"return {position}", function) in self._seen:
            return Fate.UNKNOWN
        self._seen.add((f"return {position}", function))
        calls = self._file.calls_of(function)
        return _of_all(self._one_of(call, position) for call in calls) if calls else Fate.UNKNOWN

    def _one_of(self, call: ast.Call, position: int | None) -> Fate:
        if position is None:
            return self.of(call)
        around = self._file.parent(call)
        if isinstance(around, ast.Assign):
            target = around.targets[0]
            if isinstance(target, ast.Tuple | ast.List) and position < len(target.elts):
                return self._holder(target.elts[position])
        return Fate.UNKNOWN

    # What holds items

    def _holder(self, target: ast.expr) -> Fate:
        """Return what becomes of the order in a name, or an attribute of an object's own."""
        if isinstance(target, ast.Name):
            scope = self._file.index.scopes[target]
            home = scope.home(target.id)
            return self._name(home if home is not None else scope, target.id, target)
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            around = self._file.enclosing(target, ast.ClassDef)
            return self._own(around, target) if around is not None else Fate.UNKNOWN
        if isinstance(target, ast.Subscript) and isinstance(target.ctx, ast.Store):
            return min(self._holder(target.value), Fate.UNKNOWN)
        return Fate.UNKNOWN

    def _name(self, home: Scope, name: str, given: ast.Name | None = None) -> Fate:
        """Return what becomes of a name's items: of those that it is given in one place, if that is known."""
        statement = self._file.parent(given) if given is not None else None
        since = statement if isinstance(statement, ast.Assign) else None
        if (name, since or home) in self._seen:
            return Fate.LOST
        self._seen.add((name, since or home))
        uses = (
            node
            for node in self._file.variable(name, home)
            if isinstance(node.ctx, ast.Load) and (since is None or reaches(self._file, since, node))
        )
        return _of_all(self.of(node) for node in uses)

    def _own(self, around: ast.ClassDef, target: ast.Attribute) -> Fate:
        if (target.attr, around) in self._seen:
            return Fate.LOST
        self._seen.add((target.attr, around))
        uses = [
            node
            for node in self._file.attributes(target.attr)
            if isinstance(node.ctx, ast.Load)
            and isinstance(node.value, ast.Name)
            and self._file.enclosing(node, ast.ClassDef) is around
        ]
        return _of_all(self.of(node) for node in uses) if uses else Fate.UNKNOWN

    def _body(self, loop: ast.For | ast.AsyncFor) -> Fate:
        """Return whether what a loop does depends on which item comes first."""
        if ("loop", loop) in self._seen:
            return Fate.LOST
        self._seen.add(("loop", loop))
        numbers = _numbers(self._file, loop)
        return _of_all(self._step(loop, node, numbers) for part in loop.body for node in ast.walk(part))

    def _step(self, loop: ast.For | ast.AsyncFor, node: ast.AST, numbers: frozenset[str]) -> Fate:
        if isinstance(node, ast.Call):
            name = self._file.resolve(node.func)
            if name in SORTS:
                first = node.args[0] if node.args else None  # of os.walk
                return Fate.SORTED if isinstance(first, ast.Name) and first.id in names_in(loop.target) else Fate.LOST
            if isinstance(node.func, ast.Attribute) and name is None:
                if node.func.attr == "sort" and names_in(node.func) & names_in(loop.target):
                    return Fate.SORTED
                if node.func.attr in ADDS and not self._within(loop, node.func.value):
                    return self._holder(node.func.value)
            found = act(name)
            if found is not None and found.kind in ("draw", "split"):
                return Fate.KEPT
        elif isinstance(node, ast.AugAssign):
            if isinstance(node.value, ast.List | ast.ListComp | ast.Tuple) and not self._within(loop, node.target):
                return self._holder(node.target)
        elif isinstance(node, ast.Assign):
            return self._put(loop, node, numbers)
        elif isinstance(node, ast.Yield | ast.YieldFrom | ast.Return):
            return Fate.UNKNOWN
        return Fate.LOST

    def _put(self, loop: ast.AST, node: ast.Assign, numbers: frozenset[str]) -> Fate:
        """Return what becomes of ``rows[i] = x``, ``index[name] = i`` and ``rows = numpy.concatenate((rows, x))``."""
        target = node.targets[0]
        if isinstance(target, ast.Subscript):
            kept = names_in(target.slice) & numbers or (isinstance(node.value, ast.Name) and node.value.id in numbers)
            length = isinstance(node.value, ast.Call) and self._file.resolve(node.value.func) == "builtins.len"
            same = length and names_in(target.value) & names_in(node.value)
            if not (kept or same):
                return Fate.LOST
            return Fate.UNKNOWN if self._is_of_a_batch(loop, target.value) else Fate.KEPT
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Call | ast.BinOp):
            grows = isinstance(node.value, ast.Call) and self._file.resolve(node.value.func) in ROWS
            if grows and target.id in names_in(node.value) and not self._fresh(loop, target):
                return _rows(self._holder(target))
        return Fate.LOST

    def _is_of_a_batch(self, loop: ast.AST, rows: ast.expr) -> bool:
        """Return whether rows are made anew for each part of the items, and then used up."""
        made = [binding.node for binding in self._file.names.bindings(rows)]
        return any(
            any(self._file.is_inside(node, outer) and not self._file.is_inside(node, loop) for node in made)
            and not self._file.is_inside(self._items, outer)
            for outer in self._file.around(loop)
            if isinstance(outer, ast.For | ast.AsyncFor | ast.While)
        )

    def _fresh(self, loop: ast.AST, target: ast.Name) -> bool:
        """Return whether a name is given a value in a loop only, so that each round has its own."""
        return all(self._file.is_inside(binding.node, loop) for binding in self._file.names.bindings(target))

    def _within(self, loop: ast.AST, holder: ast.expr) -> bool:
        """Return whether what is added to was made in the loop, so that each item has its own."""
        while isinstance(holder, ast.Attribute | ast.Subscript):
            if isinstance(holder, ast.Subscript) and isinstance(holder.value, ast.Name | ast.Attribute):
                return False
            holder = holder.value
        bindings = self._file.names.bindings(holder)
        return bool(bindings) and all(self._file.is_inside(binding.node, loop) for binding in bindings)


def _of_all(found: Iterable[Fate]) -> Fate:
    """Return what counts of several: a sort beside the others is one that they had."""
    worst = Fate.LOST
    for one in found:
        if one is Fate.SORTED:
            return one
        worst = max(worst, one)
    return worst


def _rows(found: Fate) -> Fate:
    """Return what becomes of an order that a table or an array has: wherever it goes, its rows are in it."""
    return Fate.KEPT if found is Fate.UNKNOWN else found


def _numbers(file: File, loop: ast.For | ast.AsyncFor) -> frozenset[str]:
    """Return the names that count the rounds of a loop."""
    found: set[str] = set()
    if isinstance(loop.iter, ast.Call):
        name = file.resolve(loop.iter.func)
        first = loop.target.elts[0] if isinstance(loop.target, ast.Tuple) and loop.target.elts else loop.target
        inner = loop.iter
        while inner.args and isinstance(inner.args[0], ast.Call) and name not in COUNTERS:  # tqdm(enumerate(...))
            inner = inner.args[0]
            name = file.resolve(inner.func)
        if name in COUNTERS and isinstance(first, ast.Name):
            found.add(first.id)
    for node in (node for part in loop.body for node in ast.walk(part)):
        if (
            isinstance(node, ast.AugAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
        ):
            found.add(node.target.id)
    return frozenset(found)


def _counts(loop: ast.AST, index: ast.expr) -> bool:
    return isinstance(loop, ast.For) and isinstance(index, ast.Name) and index.id in names_in(loop.target)


_WAYS = {
    ast.Call: _Ways._argument,
    ast.keyword: _Ways._keyword,
    ast.comprehension: _Ways._comprehension,
    ast.ListComp: _Ways._element,
    ast.GeneratorExp: _Ways._element,
    ast.List: _Ways._element,
    ast.Dict: _Ways._value,
    ast.Tuple: _Ways._element,
    ast.Compare: _Ways._lost,
    ast.UnaryOp: _Ways._lost,
    ast.If: _Ways._lost,
    ast.While: _Ways._lost,
    ast.Assert: _Ways._lost,
    ast.Expr: _Ways._lost,
    ast.Delete: _Ways._lost,
    ast.FormattedValue: _Ways._lost,
    ast.IfExp: _Ways._choice,
    ast.BoolOp: _Ways._through,
    ast.Starred: _Ways._unpacked,
    ast.BinOp: _Ways._sum,
    ast.Subscript: _Ways._item,
    ast.Attribute: _Ways._attribute,
    ast.Assign: _Ways._assigned,
    ast.AnnAssign: _Ways._assigned,
    ast.AugAssign: _Ways._assigned,
    ast.NamedExpr: _Ways._walrus,
    ast.For: _Ways._looped,
    ast.AsyncFor: _Ways._looped,
    ast.Return: _Ways._returned,
}
