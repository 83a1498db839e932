"""A file as rules see it: what is called by its true name, what holds what, and what happens in which order."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from samerun.lint import source
from samerun.lint.finding import Edit
from samerun.lint.names import Definition, Names
from samerun.lint.notebook import Notebook
from samerun.lint.project import Project
from samerun.lint.scopes import Index, Scope, index
from samerun.lint.syntax import FUNCTIONS, Function, is_constant
from samerun.lint.text import Text
from samerun.lint.values import Values
from samerun.lint.vocabulary import Act, act

if TYPE_CHECKING:
    from samerun.lint.checkpoints import Checkpoints
    from samerun.lint.flow import Event
    from samerun.lint.seeds import Seeding

__all__ = ["File"]

_Node = TypeVar("_Node", bound=ast.AST)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_TRAINS = frozenset(("backward", "step", "fit", "manual_backward", "training_step"))


class File(Text):
    """One Python file or notebook. Nothing of it is ever run or imported. Places in it and edits are those of a text.

    Attributes:
        path: where it is, or what it is called.
        tree: the parsed text.
        project: where other modules of the project are found.
    """

    def __init__(self, path: Path, text: str, project: Project, notebook: Notebook | None = None) -> None:
        super().__init__(text, notebook)
        self.path = path
        self.project = project
        self.tree = source.parse(text, str(path))
        self.names = Names(self)
        self.values = Values(self)
        self._trainers: dict[ast.AST, bool] = {}

    @classmethod
    def of(cls, data: bytes, path: Path, project: Project) -> File:
        """Read the bytes of a file.

        Raises:
            UnreadableError: if they cannot be read.
        """
        if path.suffix == ".ipynb":
            notebook = Notebook(data, str(path))
            file = cls(path, notebook.text, project, notebook)
        else:
            text, _ = source.decode(data, str(path))
            file = cls(path, text, project)
        project.add(file, data)
        return file

    @property
    def is_package(self) -> bool:
        """Whether it is the `__init__` of a package."""
        return self.path.name == "__init__.py"

    @cached_property
    def index(self) -> Index:
        """All nodes by type, their parents and scopes."""
        return index(self.tree)

    # What there is

    def nodes(self, kind: type[_Node]) -> list[_Node]:
        """Return all nodes of exactly this type, in the order of the text."""
        return self.index.nodes.get(kind, [])  # type: ignore[return-value]

    def named(self, name: str) -> list[ast.Name]:
        """Return where a name stands, whatever it is in each scope, in the order of the text."""
        return self._spelled[0].get(name, [])

    def variable(self, name: str, home: Scope | None) -> list[ast.Name]:
        """Return where a name that is bound in some scope stands, in the order of the text."""
        return self._variables.get((name, home), [])

    @cached_property
    def _variables(self) -> dict[tuple[str, Scope | None], list[ast.Name]]:
        found: defaultdict[tuple[str, Scope | None], list[ast.Name]] = defaultdict(list)
        scopes = self.index.scopes
        for name in self.nodes(ast.Name):
            found[name.id, scopes[name].home(name.id)].append(name)
        return dict(found)

    def attributes(self, name: str) -> list[ast.Attribute]:
        """Return where an attribute of a name stands, whatever it is one of, in the order of the text."""
        return self._spelled[1].get(name, [])

    @cached_property
    def _spelled(self) -> tuple[dict[str, list[ast.Name]], dict[str, list[ast.Attribute]]]:
        names: defaultdict[str, list[ast.Name]] = defaultdict(list)
        attributes: defaultdict[str, list[ast.Attribute]] = defaultdict(list)
        for name in self.nodes(ast.Name):
            names[name.id].append(name)
        for attribute in self.nodes(ast.Attribute):
            attributes[attribute.attr].append(attribute)
        return dict(names), dict(attributes)

    @property
    def functions(self) -> list[Function]:
        """All functions and methods."""
        return [*self.nodes(ast.FunctionDef), *self.nodes(ast.AsyncFunctionDef)]

    @property
    def classes(self) -> list[ast.ClassDef]:
        """All classes."""
        return self.nodes(ast.ClassDef)

    def calls(self, *names: str) -> list[ast.Call]:
        """Return the calls of what has one of these canonical names, in the order of the text."""
        found = [call for name in names for call in self._calls.get(name, ())]
        return found if len(names) == 1 else sorted(found, key=lambda call: (call.lineno, call.col_offset))

    def assigned(self, name: str) -> Iterator[tuple[ast.expr, ast.expr]]:
        """Yield where what has a canonical name is set, and to what: ``torch.backends.cudnn.benchmark``."""
        for node in self.nodes(ast.Assign):
            for target in node.targets:
                named = isinstance(target, ast.Attribute) and target.attr == name.rpartition(".")[2]
                if named and self.resolve(target) == name:
                    yield target, node.value

    @property
    def called(self) -> dict[str, list[ast.Call]]:
        """All calls whose canonical name is known, by it."""
        return self._calls

    @cached_property
    def _calls(self) -> dict[str, list[ast.Call]]:
        found: defaultdict[str, list[ast.Call]] = defaultdict(list)
        for call in self.nodes(ast.Call):
            name = self.names.meaning(call.func)
            if isinstance(name, str):
                found[name].append(call)
        return dict(found)

    @cached_property
    def imported(self) -> list[File]:
        """The modules of the project that importing the file imports, without those that only a function does."""
        found: dict[File, None] = {}
        left: list[ast.AST] = [*reversed(self.tree.body)]
        while left:
            node = left.pop()
            if isinstance(node, ast.Import | ast.ImportFrom):
                found |= dict.fromkeys(self.project.named(self, node))
            elif isinstance(node, ast.stmt | ast.ExceptHandler) and not isinstance(node, Function):
                left += reversed([*ast.iter_child_nodes(node)])
        return list(found)

    # Where it stands

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node around a node."""
        return self.index.parents.get(node)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around a node, the nearest first."""
        parents = self.index.parents
        found = parents.get(node)
        while found is not None:
            yield found
            found = parents.get(found)

    def enclosing(self, node: ast.AST, *kinds: type[_Node]) -> _Node | None:
        """Return the nearest node of one of these types around a node."""
        for found in self.around(node):
            if isinstance(found, kinds):
                return found
        return None

    def is_inside(self, node: ast.AST, outer: ast.AST) -> bool:
        """Return whether a node stands in another one, and is not that one."""
        return any(around is outer for around in self.around(node))

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """Return the statement that a node stands in, or is."""
        return node if isinstance(node, ast.stmt) else self.enclosing(node, ast.stmt)

    def enclosing_function(self, node: ast.AST) -> Function | None:
        """Return the nearest function or method around a node; a lambda is none."""
        return next((found for found in self.around(node) if isinstance(found, Function)), None)

    def loops(self, node: ast.AST) -> list[ast.AST]:
        """Return the loops that a node is run in each round of, the nearest first, up to the function around it."""
        found: list[ast.AST] = []
        inner = node
        for outer in self.around(node):
            if isinstance(outer, Function | ast.Lambda | ast.ClassDef):
                break
            if isinstance(outer, _LOOPS):
                once = [outer.iter, *outer.orelse] if isinstance(outer, ast.For | ast.AsyncFor) else outer.orelse
                if inner not in once:
                    found.append(outer)
            inner = outer
        return found

    def is_training_loop(self, loop: ast.AST) -> bool:
        """Return whether a loop trains: calls ``backward``, ``step`` or ``fit`` of something in it, or a
        function of the project that does.
        """
        return loop in self._training

    @cached_property
    def _training(self) -> frozenset[ast.AST]:
        found: set[ast.AST] = set()
        for call in self.nodes(ast.Call):
            if self._trains(call):
                found.update(self.loops(call))
        return frozenset(found)

    def _trains(self, call: ast.Call) -> bool:
        itself = self._trains_itself(call)
        if itself is not None:
            return itself
        callee = self.values.callee(call)
        return isinstance(callee, Definition) and callee.file.trains_when_called(callee.node)

    def trains_when_called(self, function: ast.AST) -> bool:
        """Return whether a function of the file trains, itself or by what it calls."""
        if function in self._trainers:
            return self._trainers[function]
        # Those on the way, each with the calls that are still to be looked at, and all that were met.
        way = [(self, function, iter(self.calls_in(function)))]
        met = {function: self}
        while way:
            file, _, calls = way[-1]
            call = next(calls, None)
            if call is None:
                way.pop()
                continue
            known = file._trains_itself(call)
            callee = file.values.callee(call) if known is None else None
            if isinstance(callee, Definition):
                known = callee.file._trainers.get(callee.node)
                if known is None and callee.node not in met:
                    met[callee.node] = callee.file
                    way.append((callee.file, callee.node, iter(callee.file.calls_in(callee.node))))
            if known:
                for on_it, node, _ in way:
                    on_it._trainers[node] = True
                return True
        for node, file in met.items():
            file._trainers[node] = False
        return False

    def _trains_itself(self, call: ast.Call) -> bool | None:
        """Return whether a call trains; None if that is up to the function that it calls."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in _TRAINS:
            return self.resolve(call.func) is None
        return None

    @cached_property
    def _calls_by_place(self) -> dict[ast.AST, list[ast.Call]]:
        found: defaultdict[ast.AST, list[ast.Call]] = defaultdict(list)
        for call in self.nodes(ast.Call):
            function = self.enclosing_function(call)
            for place in (*([function] if function is not None else []), *self.loops(call)):
                found[place].append(call)
        return dict(found)

    # What it means

    def resolve(self, node: ast.AST | None) -> str | None:
        """Return the canonical dotted name of what an expression is, and None where that cannot be known.

        Aliases, scopes and the project's re-exports are followed; Python's own are ``builtins.hash`` and so on.
        """
        found = self.names.meaning(node)
        return found if isinstance(found, str) else None

    def definition(self, node: ast.AST | None) -> Definition | None:
        """Return the function, class or module of the project that an expression is, or a call calls."""
        found = self.values.callee(node) if isinstance(node, ast.Call) else self.names.meaning(node)
        return found if isinstance(found, Definition) else None

    def kind_of(self, node: ast.AST | None) -> str | None:
        """Return the canonical name of what made the value of an expression: ``torch.utils.data.DataLoader``.

        Only where every assignment of the name, or of the attribute in its class, was made by it.
        """
        found = self.values.maker(node)
        return found if isinstance(found, str) else None

    def class_of(self, node: ast.AST | None) -> Definition | None:
        """Return the class of the project that the value of an expression is an instance of."""
        found = self.values.maker(node)
        return found if isinstance(found, Definition) and isinstance(found.node, ast.ClassDef) else None

    def ancestors(self, node: ast.ClassDef) -> frozenset[str]:
        """Return the canonical names of the libraries' classes that a class derives from, directly or not."""
        return self.values.ancestors(node)

    def returned(self, function: Function) -> list[ast.expr]:
        """Return the expressions that a function returns, without those of functions inside it."""
        return self._returns.get(function, [])

    @cached_property
    def _returns(self) -> dict[ast.AST, list[ast.expr]]:
        found: defaultdict[ast.AST, list[ast.expr]] = defaultdict(list)
        for node in self.nodes(ast.Return):
            function = self.enclosing_function(node)
            if node.value is not None and function is not None and self.runs_when_called(function):
                found[function].append(node.value)
        return dict(found)

    def calls_in(self, node: ast.AST) -> list[ast.Call]:
        """Return the calls in a function, or in each round of a loop, without those of functions inside it."""
        return self._calls_by_place.get(node, [])

    def calls_of(self, node: ast.AST) -> list[ast.Call]:
        """Return this file's calls of a function or class of the project, in the order of the text."""
        return self._calls_by_target.get(node, [])

    @cached_property
    def _calls_by_target(self) -> dict[ast.AST, list[ast.Call]]:
        found: defaultdict[ast.AST, list[ast.Call]] = defaultdict(list)
        for call in self.nodes(ast.Call):
            target = self.definition(call)
            if target is not None:
                found[target.node].append(call)
        return found

    def runs_when_called(self, function: ast.AST) -> bool:
        """Return whether a call runs the body: that of a generator only makes one."""
        return function not in self._generators

    @cached_property
    def _generators(self) -> frozenset[ast.AST | None]:
        yields = [*self.nodes(ast.Yield), *self.nodes(ast.YieldFrom)]
        return frozenset(self.enclosing(node, *FUNCTIONS) for node in yields)

    def argument(self, call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
        """Return an argument of a call by its name, or by its position from 0; None if it is not given."""
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
        if position is None or position >= len(call.args):
            return None
        before = call.args[: position + 1]
        return None if any(isinstance(value, ast.Starred) for value in before) else before[-1]

    def has_unpacking(self, call: ast.Call) -> bool:
        """Return whether a call has ``*args`` or ``**kwargs``, so that what is given cannot be known."""
        return any(isinstance(value, ast.Starred) for value in call.args) or any(k.arg is None for k in call.keywords)

    def act(self, call: ast.Call) -> Act | None:
        """Return what a call does by its name and by whether it is given a number; None for what is of no account."""
        found = act(self.resolve(call.func))
        if found is None or not found.number or self.has_unpacking(call):
            return found
        given = self.argument(call, found.number, 0)
        return Act("entropy", found.libraries) if given is None or is_constant(given, None) else found

    def does(self, kind: str) -> bool:
        """Return whether some call in the file does this by its name: a kind of `vocabulary.Act`."""
        return any(found is not None and found.kind == kind for found in map(act, self._calls))

    # What happens

    @cached_property
    def timeline(self) -> tuple[Event, ...]:
        """What running the file does, in order."""
        from samerun.lint.flow import timeline

        return timeline(self)

    @property
    def timeline_when_imported(self) -> tuple[Event, ...]:
        """What importing the file does, in order; modules that import each other see nothing of one another."""
        from samerun.lint.flow import timeline

        return self._found(self.tree, lambda: timeline(self, imported=True))

    def timeline_of(self, function: Function) -> tuple[Event, ...]:
        """Return what a call of a function does, in order."""
        from samerun.lint.flow import timeline

        return self._found(function, lambda: timeline(self, function))

    def _found(self, node: ast.AST, find: Callable[[], tuple[Event, ...]]) -> tuple[Event, ...]:
        def not_too_deep() -> tuple[Event, ...]:
            with self.project.deeper() as allowed:
                return find() if allowed else ()

        return self.project.once.get(node, not_too_deep)

    @cached_property
    def seedings(self) -> list[Seeding]:
        """The calls that seed global generators or one of their own, with the seeds, in the order of the text."""
        from samerun.lint.seeds import seedings

        return seedings(self)

    @cached_property
    def workers(self) -> dict[ast.AST, bool]:
        """The functions that start the workers of a loader, and whether that may be in each epoch anew."""
        from samerun.lint.seeds import workers

        return workers(self)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """Which states the file puts together in a checkpoint, and which it loads."""
        from samerun.lint.checkpoints import Checkpoints

        return Checkpoints(self)

    # Edits

    def add_line(self, node: ast.AST, text: str) -> Edit | None:
        """Return the edit that adds a statement in a line of its own after the statement that a node stands in.

        None where the statement shares its line with others.
        """
        statement = self.statement(node)
        return self.line_after(statement, text) if statement is not None else None
