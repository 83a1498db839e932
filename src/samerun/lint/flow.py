"""What running a file does in order, as far as its text tells; calls of the project's own functions are followed."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from samerun.lint.names import Definition
from samerun.lint.vocabulary import CALLERS, METHODS, MODELS, act, may_seed

if TYPE_CHECKING:
    from samerun.lint.file import File
from samerun.lint.syntax import Function, text_of

__all__ = ["Event", "timeline"]

# Events in all: beyond this a rule has seen enough.
_MOST = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something that happens while a file is run.

    Attributes:
        kind: as in `vocabulary.Act`, or iterate (a loader), train (backward, step, fit), environment (set) and
            unknown-seed (a call of something that cannot be read and has "seed" in its name, or an import that runs
            more of the project than is read).
        libraries: the global generators that are seeded, drawn from, read or set.
        name: the canonical name of what is called or set; a class of the project has its own name.
        node: where it stands.
        file: the file that it stands in.
        site: the same if it stands in the file whose timeline this is and is not in a function; else the call, or
            the import, there that leads to it.
        certain: whether it happens in every run; not so in a branch, after a conditional return, in a handler.
        loop: the loop nearest to it, in whichever file, or None.
        training: whether one of the loops around it trains.
    """

    kind: str
    libraries: tuple[str, ...]
    name: str
    node: ast.expr | ast.stmt
    file: File
    site: ast.expr | ast.stmt
    certain: bool
    loop: ast.AST | None
    training: bool

    def place(self, file: File) -> ast.expr | ast.stmt:
        """Return what stands for it in the file whose timeline this is."""
        return self.node if self.file is file else self.site

    def where(self, file: File) -> str:
        """Return where it stands, in words for messages about a file: ``line 3``, or ``line 3 of model.py``."""
        return self.file.where(self.node) + ("" if self.file is file else f" of {self.file.path.name}")


@dataclass(frozen=True, slots=True)
class _Where:
    """The way that led to a statement."""

    file: File
    certain: bool = True
    loop: ast.AST | None = None
    training: bool = False

    def with_(self, **changed: object) -> _Where:
        values = {name: getattr(self, name) for name in self.__slots__}
        return _Where(**{**values, **changed})


def timeline(file: File, function: Function | None = None, *, imported: bool = False) -> tuple[Event, ...]:
    """Return what running a file, or a call of one of its functions, does, in order.

    Args:
        file: the file.
        function: one of its functions, or None for the file itself.
        imported: whether the file is imported, so that it is not the main program.
    """
    walk = _Walk(is_main=not imported)
    body = file.tree.body if function is None else function.body
    walk.block(body, _Where(file))
    return tuple(walk.events)


class _Walk:
    def __init__(self, is_main: bool) -> None:
        self.events: list[Event] = []
        self._is_main = is_main
        # What importing a module does it does once.
        self._imported: set[ast.AST] = set()

    def block(self, statements: Iterable[ast.stmt], where: _Where) -> bool:
        """Walk statements in order; return whether what comes after them may be left out."""
        left = False
        for statement in statements:
            if len(self.events) > _MOST:
                break
            handler = _STATEMENTS.get(type(statement), _Walk._plain)
            if handler(self, statement, where):
                left, where = True, where.with_(certain=False)
        return left

    # Each returns whether a conditional return was met.

    def _plain(self, statement: ast.stmt, where: _Where) -> bool:
        self.expression(statement, where)
        return False

    def _import(self, statement: ast.stmt, where: _Where) -> bool:
        assert isinstance(statement, ast.Import | ast.ImportFrom)
        project = where.file.project
        for module in project.named(where.file, statement):
            if project.is_large(where.file) or project.is_large(module):
                self._add("unknown-seed", (), module.path.name, statement, where)
                break
            if module.tree not in self._imported:
                self._imported.add(module.tree)
                fresh = [event for event in module.timeline_when_imported if event.node not in self._imported]
                self._imported.update(event.node for event in fresh)
                self._take(fresh, statement, where)
        return False

    def _return(self, statement: ast.stmt, where: _Where) -> bool:
        self.expression(statement, where)
        return True

    def _function(self, statement: ast.stmt, where: _Where) -> bool:
        assert isinstance(statement, Function)
        for node in (*statement.decorator_list, *statement.args.defaults, *statement.args.kw_defaults):
            if node is not None:
                self.expression(node, where)
        return False

    def _class(self, statement: ast.stmt, where: _Where) -> bool:
        assert isinstance(statement, ast.ClassDef)
        for node in (*statement.decorator_list, *statement.bases):
            self.expression(node, where)
        self.block(statement.body, where)
        return False

    def _if(self, statement: ast.stmt, where: _Where) -> bool:
        assert isinstance(statement, ast.If)
        if _is_main(statement.test):
            return self.block(statement.body if self._is_main else statement.orelse, where)
        self.expression(statement.test, where)
        branch = where.with_(certain=False)
        left = self.block(statement.body, branch)
        return self.block(statement.orelse, branch) or left

    def _match(self, statement: ast.stmt, where: _Where) -> bool:
        assert isinstance(statement, ast.Match)
        self.expression(statement.subject, where)
        left = False
        for case in statement.cases:
            left = self.block(case.body, where.with_(certain=False)) or left
        return left

    def _loop(self, statement: ast.stmt, where: _Where) -> bool:
        assert isinstance(statement, ast.For | ast.AsyncFor | ast.While)
        training = where.training or where.file.is_training_loop(statement)
        inner = where.with_(loop=statement, training=training)
        if isinstance(statement, ast.While):
            self.expression(statement.test, inner)
        else:
            self.expression(statement.iter, where)
            self._iterated(statement.iter, inner)
        left = self.block(statement.body, inner)
        return self.block(statement.orelse, where) or left

    def _try(self, statement: ast.stmt, where: _Where) -> bool:
        assert isinstance(statement, ast.Try | ast.TryStar)
        left = self.block(statement.body, where)
        for handler in statement.handlers:
            left = self.block(handler.body, where.with_(certain=False)) or left
        left = self.block(statement.orelse, where) or left
        return self.block(statement.finalbody, where) or left

    def _with(self, statement: ast.stmt, where: _Where) -> bool:
        assert isinstance(statement, ast.With | ast.AsyncWith)
        for item in statement.items:
            self.expression(item.context_expr, where)
        return self.block(statement.body, where)

    def _assign(self, statement: ast.stmt, where: _Where) -> bool:
        assert isinstance(statement, ast.Assign)
        self.expression(statement.value, where)
        for target in statement.targets:
            self._set(target, where)
        return False

    def _set(self, target: ast.expr, where: _Where) -> None:
        if isinstance(target, ast.Subscript) and where.file.resolve(target.value) == "os.environ":
            self._add("environment", (), text_of(target.slice) or "", target, where)
        elif isinstance(target, ast.Attribute):
            name = where.file.resolve(target) or ""
            if name.startswith("torch.backends."):
                self._add("flag", (), name, target, where)

    # Expressions

    def expression(self, node: ast.AST, where: _Where) -> None:
        """Walk the calls of an expression: what is inside a call is called before it."""
        stack: list[tuple[ast.AST, bool]] = [(node, False)]
        while stack:
            found, done = stack.pop()
            if done:
                assert isinstance(found, ast.Call)
                self._call(found, where)
                continue
            if isinstance(found, ast.Lambda):
                continue
            if isinstance(found, ast.Call):
                stack.append((found, True))
            elif isinstance(found, ast.comprehension):
                self._iterated(found.iter, where)
            stack.extend((child, False) for child in reversed(list(ast.iter_child_nodes(found))))

    def _iterated(self, node: ast.expr, where: _Where) -> None:
        while isinstance(node, ast.Call) and node.args:  # enumerate(tqdm(loader))
            node = node.args[0]
        name = where.file.kind_of(node)
        found = act(name)
        if found is not None and found.kind == "loader":
            self._add("iterate", (), name or "", node, where)

    def _call(self, call: ast.Call, where: _Where) -> None:
        meaning = where.file.values.callee(call)
        if isinstance(meaning, str):
            self._library(call, meaning, where)
        elif meaning is not None:
            self._project(call, meaning, where)
        else:
            self._unknown(call, where)

    def _library(self, call: ast.Call, name: str, where: _Where) -> None:
        found = where.file.act(call)
        if found is not None:
            if not any(where.file.argument(call, own) is not None for own in found.own):
                self._add(found.kind, found.libraries, name, call, where)
            elif found.kind != "draw":
                self._add(found.kind, (), name, call, where)
        elif name in ("os.environ.setdefault", "os.environ.update", "os.putenv"):
            key = call.args[0] if call.args else None
            self._add("environment", (), str(key.value) if isinstance(key, ast.Constant) else "", call, where)
        elif name in CALLERS and call.args:
            target = where.file.definition(call.args[0])
            if target is not None:
                self._follow(call, target, where)
        elif name == "builtins.iter" and call.args:
            self._iterated(call.args[0], where)
        elif may_seed(name):
            self._add("unknown-seed", (), name, call, where)

    def _project(self, call: ast.Call, meaning: Definition, where: _Where) -> None:
        if isinstance(meaning.node, ast.ClassDef):
            ancestors = meaning.file.ancestors(meaning.node)
            start = meaning.file.values.method(meaning.node, "__init__")
            if start is not None:
                self._follow(call, start, where)
            found = MODELS & ancestors
            if found:
                self._add("model", (), meaning.node.name, call, where)
        else:
            self._follow(call, meaning, where)

    def _unknown(self, call: ast.Call, where: _Where) -> None:
        if isinstance(call.func, ast.Attribute):
            if call.func.attr in ("backward", "step", "fit"):
                self._add("train", (), call.func.attr, call, where)
                return
            if call.func.attr in METHODS:
                name = f"{where.file.kind_of(call.func.value)}.{call.func.attr}"
                found = act(name)
                if found is not None:
                    self._add(found.kind, found.libraries, name, call, where)
                return
            # A method called seed belongs to its object: env.seed(0), generator.manual_seed(0).
            root = call.func.value
            if not (isinstance(root, ast.Name) and not where.file.names.bindings(root)):
                return
            name = call.func.attr
        else:
            name = call.func.id if isinstance(call.func, ast.Name) else ""
        if "seed" in name.lower():
            self._add("unknown-seed", (), name, call, where)

    def _follow(self, call: ast.Call, target: Definition, where: _Where) -> None:
        function = target.node
        if isinstance(function, Function) and target.file.runs_when_called(function):
            self._take(target.file.timeline_of(function), call, where)

    def _take(self, events: Iterable[Event], here: ast.expr | ast.stmt, where: _Where) -> None:
        """Add what a call or an import leads to, as happening here."""
        for event in events:
            if len(self.events) > _MOST:
                break
            certain, training = event.certain and where.certain, event.training or where.training
            loop = event.loop if event.loop is not None else where.loop
            self.events.append(replace(event, site=here, certain=certain, loop=loop, training=training))

    def _add(self, kind: str, libraries: tuple[str, ...], name: str, node: ast.expr | ast.stmt, where: _Where) -> None:
        self.events.append(
            Event(kind, libraries, name, node, where.file, node, where.certain, where.loop, where.training)
        )


def _is_main(test: ast.expr) -> bool:
    """Return whether this is ``__name__ == "__main__"``, which holds when a script is run."""
    if not isinstance(test, ast.Compare) or len(test.comparators) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = (test.left, test.comparators[0])
    names = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    return names and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)


_STATEMENTS = {
    ast.FunctionDef: _Walk._function,
    ast.AsyncFunctionDef: _Walk._function,
    ast.ClassDef: _Walk._class,
    ast.If: _Walk._if,
    ast.Match: _Walk._match,
    ast.For: _Walk._loop,
    ast.AsyncFor: _Walk._loop,
    ast.While: _Walk._loop,
    ast.Try: _Walk._try,
    ast.TryStar: _Walk._try,
    ast.With: _Walk._with,
    ast.AsyncWith: _Walk._with,
    ast.Assign: _Walk._assign,
    ast.Return: _Walk._return,
    ast.Import: _Walk._import,
    ast.ImportFrom: _Walk._import,
}
