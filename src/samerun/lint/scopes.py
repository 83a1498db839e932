"""Scopes and what is bound in them, found in one walk together with parents and nodes by type."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

from samerun.lint.syntax import FUNCTIONS, Function

__all__ = ["Binding", "Import", "Index", "Scope", "index"]

Kind = Literal["module", "class", "function", "comprehension"]
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NOTHING: AbstractSet[ast.AST] = frozenset()
# Methods of Accelerate's Accelerator and of Lightning's Fabric. Those of the second line go by names of many others.
_READY = frozenset(
    "prepare_model prepare_data_loader prepare_optimizer prepare_scheduler "
    "setup_module setup_optimizers setup_dataloaders".split()
)
_READY_TOGETHER = frozenset(("prepare", "setup"))
_LEAVES = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


@dataclass(frozen=True, slots=True)
class Import:
    """What an import names: ``from ..module import name``; no name means the module itself."""

    level: int
    module: str
    name: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One place where a name gets a meaning.

    Attributes:
        node: the statement or target.
        value: the expression that it is assigned, or the function or class it is; None where that is not known.
        source: what is imported under it.
    """

    node: ast.AST
    value: ast.AST | None = None
    source: Import | None = None


@dataclass(slots=True, eq=False)
class Scope:
    """A region in which names mean the same.

    Attributes:
        node: what opens it.
        kind: module, class, function (also a lambda) or comprehension.
        outer: the scope around it.
        names: what is bound in it.
        moved: names that it declares global or nonlocal.
        stars: modules of which it imports everything.
        attributes: of a class, what its methods assign to ``self.name``.
    """

    node: ast.AST
    kind: Kind
    outer: Scope | None
    names: defaultdict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    moved: dict[str, Scope] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)
    attributes: defaultdict[str, list[ast.AST | None]] = field(default_factory=lambda: defaultdict(list))

    def home(self, name: str) -> Scope | None:
        """Return the scope whose name is meant here; None for one that nobody binds."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.moved:
                return scope.moved[name]
            # The names of a class are not seen from its methods.
            if name in scope.names and (scope.kind != "class" or scope is self):
                return scope
            scope = scope.outer
        return None

    @property
    def module(self) -> Scope:
        """The outermost scope."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope


@dataclass(slots=True)
class Index:
    """What one walk finds.

    Attributes:
        module: the outermost scope.
        parents: the node around each node.
        scopes: the scope that each name, function, class and lambda stands in.
        inner: the scope that each function, class, lambda and comprehension opens.
        nodes: all nodes by their exact type, in the order of the text.
    """

    module: Scope
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    inner: dict[ast.AST, Scope] = field(default_factory=dict)
    nodes: defaultdict[type[ast.AST], list[ast.AST]] = field(default_factory=lambda: defaultdict(list))


def index(tree: ast.Module) -> Index:
    """Walk a tree once. Without recursion, so that deep trees are no harm."""
    found = Index(Scope(tree, "module", None))
    parents, nodes = found.parents, found.nodes
    stack: list[tuple[ast.AST, Scope]] = [(tree, found.module)]
    while stack:
        node, scope = stack.pop()
        kind = type(node)
        nodes[kind].append(node)
        bind = _BIND.get(kind)
        if bind is not None:
            bind(found, node, scope)
        opened = _OPEN.get(kind)
        inner, outside = scope, _NOTHING
        if opened is not None:
            inner = found.inner[node] = Scope(node, opened, scope)
            outside = _outside(node)
            if isinstance(node, FUNCTIONS):
                _parameters(node, inner)
        elif isinstance(node, ast.arguments) and scope.outer is not None:
            inner, outside = scope.outer, {*node.posonlyargs, *node.args, *node.kwonlyargs}
        children: list[tuple[ast.AST, Scope]] = []
        for name in node._fields:
            value = getattr(node, name, None)
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, ast.AST) and not isinstance(item, _LEAVES):
                    parents[item] = node
                    children.append((item, scope if item in outside else inner))
        children.reverse()
        stack.extend(children)
    return found


def _outside(node: ast.AST) -> AbstractSet[ast.AST]:
    """Return the children that are evaluated in the scope around what opens one."""
    if isinstance(node, ast.ClassDef):
        return {*node.bases, *node.keywords, *node.decorator_list}
    if isinstance(node, Function):
        return {*node.decorator_list, *([node.returns] if node.returns is not None else [])}
    return _NOTHING


def _parameters(node: Function | ast.Lambda, scope: Scope) -> None:
    args = node.args
    for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
        if arg is not None:
            scope.names[arg.arg].append(Binding(arg))


def _name(found: Index, node: ast.AST, scope: Scope) -> None:
    assert isinstance(node, ast.Name)
    found.scopes[node] = scope
    if isinstance(node.ctx, ast.Load):
        return
    parent = found.parents[node]
    if isinstance(parent, ast.NamedExpr):
        while scope.kind == "comprehension" and scope.outer is not None:
            scope = scope.outer
    if isinstance(parent, ast.AnnAssign) and parent.value is None:
        return  # only an annotation
    home = scope.moved.get(node.id, scope)
    home.names[node.id].append(Binding(node, _assigned(found, node)))


def _assigned(found: Index, node: ast.Name | ast.Attribute) -> ast.AST | None:
    """Return the expression whose value a target gets, where one is written down."""
    parent = found.parents[node]
    if isinstance(node.ctx, ast.Store):
        if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            values = _given_back(parent.value, [node])
            return values[0] if values else parent.value
        if isinstance(parent, ast.Tuple | ast.List):
            around = found.parents[parent]
            if isinstance(around, ast.Assign):
                targets, value = parent.elts, around.value
                values = value.elts if isinstance(value, ast.Tuple | ast.List) else _given_back(value, targets)
                if len(targets) == len(values) and not any(isinstance(x, ast.Starred) for x in (*targets, *values)):
                    return values[targets.index(node)]
    return None


def _given_back(value: ast.AST | None, targets: list[ast.expr]) -> list[ast.expr]:
    """Return what a call is given if it gives the same back, made ready: ``x, y = accelerator.prepare(x, y)``."""
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute) or len(value.args) != len(targets):
        return []
    name, (first, *_) = value.func.attr, zip(targets, value.args, strict=True)
    if name in _READY or (name in _READY_TOGETHER and (len(targets) > 1 or _is_same(*first))):
        return value.args
    return []


def _is_same(one: ast.expr, other: ast.expr) -> bool:
    return isinstance(other, ast.Name | ast.Attribute) and ast.unparse(one) == ast.unparse(other)


def _attribute(found: Index, node: ast.AST, scope: Scope) -> None:
    assert isinstance(node, ast.Attribute)
    if isinstance(node.ctx, ast.Load) or not isinstance(node.value, ast.Name):
        return
    function = scope.node
    if not isinstance(function, Function) or scope.outer is None:
        return
    first = (*function.args.posonlyargs, *function.args.args)[:1]
    if scope.outer.kind == "class" and first and first[0].arg == node.value.id:
        scope.outer.attributes[node.attr].append(_assigned(found, node))


def _defined(found: Index, node: ast.AST, scope: Scope) -> None:
    assert isinstance(node, Function | ast.ClassDef)
    found.scopes[node] = scope
    scope.moved.get(node.name, scope).names[node.name].append(Binding(node, node))


def _import(_: Index, node: ast.AST, scope: Scope) -> None:
    assert isinstance(node, ast.Import)
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        source = Import(0, alias.name if alias.asname else name, None)
        scope.moved.get(name, scope).names[name].append(Binding(node, source=source))


def _import_from(_: Index, node: ast.AST, scope: Scope) -> None:
    assert isinstance(node, ast.ImportFrom)
    for alias in node.names:
        if alias.name == "*":
            scope.module.stars.append(Import(node.level, node.module or "", None))
            continue
        name = alias.asname or alias.name
        source = Import(node.level, node.module or "", alias.name)
        scope.moved.get(name, scope).names[name].append(Binding(node, source=source))


def _global(_: Index, node: ast.AST, scope: Scope) -> None:
    assert isinstance(node, ast.Global)
    for name in node.names:
        scope.moved[name] = scope.module


def _nonlocal(_: Index, node: ast.AST, scope: Scope) -> None:
    assert isinstance(node, ast.Nonlocal)
    for name in node.names:
        home = scope.outer.home(name) if scope.outer is not None else None
        if home is not None and home is not scope.module:
            scope.moved[name] = home


def _named(_: Index, node: ast.AST, scope: Scope) -> None:
    """Bind the name that an except clause or a pattern gives, which is a text and not a node."""
    name = getattr(node, "name", None) or getattr(node, "rest", None)
    if name is not None:
        scope.moved.get(name, scope).names[name].append(Binding(node))


_BIND = {
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.FunctionDef: _defined,
    ast.AsyncFunctionDef: _defined,
    ast.ClassDef: _defined,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.ExceptHandler: _named,
    ast.MatchAs: _named,
    ast.MatchStar: _named,
    ast.MatchMapping: _named,
}
_OPEN: dict[type[ast.AST], Kind] = {
    ast.ClassDef: "class",
    **dict.fromkeys(FUNCTIONS, "function"),
    **dict.fromkeys(_COMPREHENSIONS, "comprehension"),
}
