"""Which states a file puts together in a checkpoint, and which it loads."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from samerun.lint.names import Definition
from samerun.lint.syntax import FUNCTIONS, names_in, text_of
from samerun.lint.vocabulary import act

if TYPE_CHECKING:
    from samerun.lint.file import File

__all__ = [
    "Checkpoint",
    "Checkpoints",
    "Load",
    "Piece",
    "name_of",
    "role_of",
    "role_said",
    "tells_of_generators",
    "text_of",
]

# What something is by what it is called, where nothing else tells. The first that fits counts.
_ROLES = (
    ("scheduler", re.compile(r"sched|lr_?s$|warmup")),
    ("optimizer", re.compile(r"optim|(^|[_(, .])opt(?!ion)|(^|_)(adam|sgd)")),
    ("scaler", re.compile(r"scaler")),
    ("average", re.compile(r"(^|_)(ema|swa)|ema$|averag")),
    ("data", re.compile(r"loader|sampler|dataset")),
)
_AVERAGES = re.compile(
    r"(Model|Weight|Param)?s?(EMA|Ema)(Model|Weights|Handler|Helper)?(V\d)?|AveragedModel|ExponentialMovingAverage"
)
_GENERATORS = re.compile(r"rng|random|generator_?state")
_MODELS = re.compile(r"model|net|weights|state_dict$")
# Around a model, not models themselves.
_WRAPPERS = ("module", "_orig_mod")


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """The state of one thing in a checkpoint.

    Attributes:
        key: under which it stands, if that is a text.
        owner: the last name of what it is the state of.
        role: optimizer, scheduler, scaler, average (of weights), data or model, which is anything else.
        node: the call of ``state_dict``.
    """

    key: str | None
    owner: str
    role: str
    node: ast.Call


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The states of a model and its optimizer, put into one dictionary.

    Attributes:
        node: the dictionary; the first state where it is filled later.
        pieces: what it holds.
        keys: all keys that are texts, whatever they hold.
        open: whether it may hold more than what can be read here.
        file: the file that it stands in.
        site: the same as `node`, or the call in another file that leads there.
    """

    node: ast.expr
    pieces: tuple[Piece, ...]
    keys: frozenset[str]
    open: bool
    file: File
    site: ast.expr

    @property
    def roles(self) -> frozenset[str]:
        """What it holds the states of."""
        return frozenset(piece.role for piece in self.pieces)


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """One call of ``load_state_dict``: of what, and with which key of a dictionary, if that is a text."""

    key: str | None
    owner: str
    role: str
    node: ast.Call


class Checkpoints:
    """The checkpoints of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    @cached_property
    def written(self) -> tuple[Checkpoint, ...]:
        """Those put together in the file, in the order of the text.

        The ``state_dict`` of a class is none: what it leaves out another one may add.
        """
        groups: defaultdict[object, list[tuple[Piece, ast.expr]]] = defaultdict(list)
        for call, owner in self._methods("state_dict"):
            key, container, group = self._place(call)
            if group is not None:
                role = role_of(self._file, owner)
                piece = Piece(key, name_of(owner), role_said(key) if role == "model" and key else role, call)
                groups[group].append((piece, container))
        found = [self._checkpoint(members) for members in groups.values()]
        whole = [one for one in found if _is_whole(one) and not self._is_part(one.node)]
        return tuple(sorted(whole, key=lambda one: (one.node.lineno, one.node.col_offset)))

    @cached_property
    def reached(self) -> tuple[Checkpoint, ...]:
        """Those that functions of the project's other files put together when this file calls them."""
        found: list[Checkpoint] = []
        for call, target in self._calls_elsewhere:
            for one in target.file.checkpoints.written:
                if target.file.is_inside(one.node, target.node):
                    found.append(replace(one, site=call))
        return tuple(found)

    @cached_property
    def loads(self) -> tuple[Load, ...]:
        """What is loaded in the file, in the order of the text."""
        return tuple(self._load(call, owner) for call, owner in self._methods("load_state_dict"))

    def _load(self, call: ast.Call, owner: ast.expr) -> Load:
        key, role = self._key_loaded(call), role_of(self._file, owner)
        if role == "model" and key is not None:
            role = role_said(key)
        loop = self._file.enclosing(call, ast.For)
        if role == "model" and isinstance(owner, ast.Name) and loop is not None:
            # for one, state in zip(optimizers, states): one.load_state_dict(state)
            role = role_said(self._file.segment(loop.iter)) if owner.id in names_in(loop.target) else role
        return Load(key, name_of(owner), role, call)

    @cached_property
    def resumes(self) -> bool:
        """Whether the file, or a function of the project that it calls, loads the state of an optimizer.

        In a notebook a function that nothing calls does nothing: no other file can.
        """
        if any(load.role == "optimizer" and not self._is_never_run(load.node) for load in self.loads):
            return True
        return any(
            load.role == "optimizer" and target.file.is_inside(load.node, target.node)
            for _, target in self._calls_elsewhere
            for load in target.file.checkpoints.loads
        )

    def _is_never_run(self, node: ast.AST) -> bool:
        function = self._file.enclosing(node, ast.FunctionDef)
        if self._file.notebook is None or function is None or self._file.parent(function) is not self._file.tree:
            return False
        return all(name.id != function.name for name in self._file.nodes(ast.Name))

    @cached_property
    def _calls_elsewhere(self) -> list[tuple[ast.Call, Definition]]:
        found: list[tuple[ast.Call, Definition]] = []
        for call in self._file.nodes(ast.Call):
            target = self._file.definition(call)
            if target is not None and target.file is not self._file and isinstance(target.node, FUNCTIONS):
                found.append((call, target))
        return found

    def _methods(self, name: str) -> Iterator[tuple[ast.Call, ast.expr]]:
        """Yield the calls of a method, each with what it is a method of."""
        for call in self._file.nodes(ast.Call):
            if isinstance(call.func, ast.Attribute) and call.func.attr == name:
                yield call, call.func.value

    def _place(self, call: ast.Call) -> tuple[str | None, ast.expr, object]:
        """Return the key that a state is put under, the outermost dictionary, and what tells it from others."""
        key: str | None = None
        container: ast.expr = call
        inner: ast.AST = call
        for outer in self._file.around(call):
            if isinstance(outer, ast.stmt):
                break
            if isinstance(outer, ast.Dict):
                keys = [name for name, value in zip(outer.keys, outer.values, strict=True) if value is inner]
                key, container = text_of(keys[0]) if keys else key, outer
            elif isinstance(outer, ast.keyword):
                inner, key = outer, outer.arg
                continue
            elif self._is_dict(outer):
                assert isinstance(outer, ast.Call)
                container = outer
            inner = outer
        statement = self._file.parent(inner)
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if container is not call:
            named = isinstance(target, ast.Name) and inner is container
            return key, container, self._group(target) if named and target is not None else container
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            return text_of(target.slice), call, self._group(target.value)
        return None, call, None

    def _is_dict(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and self._file.resolve(node.func) == "builtins.dict"

    def _group(self, name: ast.expr) -> tuple[ast.AST | None, str]:
        assert isinstance(name, ast.Name)
        return self._file.enclosing(name, *FUNCTIONS), name.id

    def _checkpoint(self, members: list[tuple[Piece, ast.expr]]) -> Checkpoint:
        containers = {container for piece, container in members if container is not piece.node}
        keys: set[str] = set()
        is_open = False
        for container in containers:
            names = container.keys if isinstance(container, ast.Dict) else []
            keys.update(text for text in map(text_of, names) if text is not None)
            is_open = is_open or any(name is None for name in names)
            if isinstance(container, ast.Call):
                keys.update(keyword.arg for keyword in container.keywords if keyword.arg is not None)
                is_open = is_open or self._file.has_unpacking(container)
        keys.update(piece.key for piece, _ in members if piece.key is not None)
        node = min((*containers, members[0][0].node), key=lambda one: (one.lineno, one.col_offset))
        for name in self._names_of(members):
            more, unread = self._added(name)
            keys |= more
            is_open = is_open or unread
        return Checkpoint(node, tuple(piece for piece, _ in members), frozenset(keys), is_open, self._file, node)

    def _names_of(self, members: list[tuple[Piece, ast.expr]]) -> Iterator[ast.Name]:
        """Yield the name that the dictionary is given, once."""
        for _, container in members:
            statement = self._file.statement(container)
            target = statement.targets[0] if isinstance(statement, ast.Assign) else None
            if isinstance(target, ast.Subscript):
                target = target.value
            if isinstance(target, ast.Name):
                yield target
                return

    def _added(self, name: ast.Name) -> tuple[set[str], bool]:
        """Return the keys that are set one by one, and whether something is set that cannot be read."""
        keys: set[str] = set()
        # Other things may have the same name: a checkpoint that is loaded, say.
        unread = not any(
            isinstance(binding.value, ast.Dict) or self._is_dict(binding.value or binding.node)
            for binding in self._file.names.bindings(name)
        )
        where = self._group(name)
        for other in self._file.named(name.id):
            parent = self._file.parent(other)
            if parent is None or self._group(other) != where:
                continue
            if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
                text = text_of(parent.slice)
                unread = unread or text is None
                keys.update(() if text is None else (text,))
            elif isinstance(parent, ast.Attribute):
                unread = unread or parent.attr in ("update", "setdefault")
        return keys, unread

    def _is_part(self, node: ast.AST) -> bool:
        function = self._file.enclosing_function(node)
        return function is not None and function.name in ("state_dict", "__getstate__", "get_state")

    def _key_loaded(self, call: ast.Call) -> str | None:
        value: ast.AST | None = call.args[0] if call.args else self._file.argument(call, "state_dict")
        if isinstance(value, ast.Name):
            bindings = self._file.names.bindings(value)
            value = bindings[0].value if len(bindings) == 1 else None
        if isinstance(value, ast.Subscript):
            return text_of(value.slice)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ("get", "pop"):
            return text_of(value.args[0]) if value.args else None
        return None


def role_of(file: File, owner: ast.expr) -> str:
    """Return what something with a state is: by what made it where that is known, else by its name."""
    kind = file.kind_of(owner)
    class_ = file.class_of(owner)
    known = act(kind)
    if known is not None and known.kind in ("optimizer", "scheduler", "scaler"):
        return known.kind
    made = class_.node.name if class_ is not None and isinstance(class_.node, ast.ClassDef) else kind or ""
    if _AVERAGES.fullmatch(made.rpartition(".")[2]):
        return "average"
    return role_said(name_of(owner))


@lru_cache(maxsize=4096)
def role_said(name: str) -> str:
    """Return what something with a state is by what it is called."""
    return next((role for role, words in _ROLES if words.search(name.lower())), "model")


def _is_whole(checkpoint: Checkpoint) -> bool:
    model = "model" in checkpoint.roles or any(_MODELS.search(key.lower()) for key in checkpoint.keys)
    return model and "optimizer" in checkpoint.roles


def name_of(owner: ast.AST) -> str:
    """Return the last name of an expression that says what it is: ``model`` of ``self.model.module``."""
    if isinstance(owner, ast.Attribute):
        return name_of(owner.value) if owner.attr in _WRAPPERS else owner.attr
    if isinstance(owner, ast.Call):
        return name_of(owner.args[0] if owner.args else owner.func)
    if isinstance(owner, ast.IfExp):
        return name_of(owner.body)
    if isinstance(owner, ast.Subscript):
        return text_of(owner.slice) or name_of(owner.value)
    return owner.id if isinstance(owner, ast.Name) else ""


def tells_of_generators(name: str) -> bool:
    """Return whether a key or a name says that it is about the state of generators."""
    return _GENERATORS.search(name.lower()) is not None
