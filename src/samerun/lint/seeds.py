"""What generators are seeded with: which expression, what it is made of, and whether it is the same each time."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from samerun.lint.names import Definition
from samerun.lint.syntax import Function, called, is_constant, is_off
from samerun.lint.vocabulary import act, may_seed

if TYPE_CHECKING:
    from samerun.lint.file import File

__all__ = [
    "Seeding",
    "apart",
    "fixed",
    "parts",
    "puts_back",
    "repeated",
    "same",
    "seedings",
    "started",
    "words",
    "workers",
]

_DEEPEST = 8
# What makes a generator of one's own, or the state of one.
_OWN = frozenset(("random.Random", "jax.random.PRNGKey", "jax.random.key", "tensorflow.random.Generator.from_seed")) | {
    f"numpy.random.{name}"
    for name in "default_rng RandomState SeedSequence PCG64 PCG64DXSM MT19937 Philox SFC64".split()
}
# Methods that seed the generator that they belong to.
_METHODS = {"seed": ("random.Random", "numpy.random.RandomState"), "manual_seed": ("torch.Generator",)}
# How functions are called that seed everything; get_seed and sample_seeds do not.
_SEEDS = re.compile(
    r"_*((re)?seed($|_)|random_seed$|(set|fix|init|setup|initiali[sz]e|reset|manual)\w*seed)", re.IGNORECASE
)
_PREPARES = re.compile("seed|random|determin|reprod", re.IGNORECASE)
# What is given to these is what their value is made of.
_CONVERTERS = frozenset(
    f"builtins.{name}" for name in "int float str abs round hash min max sum pow bytes repr tuple list".split()
) | {"zlib.crc32", "zlib.adler32", "math.floor", "numpy.uint32", "numpy.int64", "numpy.array"}
# Words of the names of what lends generators and puts them back: fork_rng, isolate, temp_seed.
_BORROWS = frozenset("fork rng isolate temp temporary seed seeded preserve keep state local random".split())
# Words of what is the same in all rounds of a training.
_KEEPS = frozenset("seed cuda deterministic transform transforms augment augmentation train training".split())
# Words of what moves on while a program runs.
_MOVES = frozenset("epoch step iter iteration count counter batch rank worker index idx".split())


@dataclass(frozen=True, slots=True)
class Seeding:
    """A call that seeds.

    Attributes:
        call: where it stands.
        value: the seed; None where there is none, or it cannot be told.
        file: the file that the value stands in: not the call's for the default of another module's function.
        everywhere: whether it seeds global generators, and not one of its own.
        known: whether it is known to seed, and not only called as if.
    """

    call: ast.Call
    value: ast.expr | None
    file: File
    everywhere: bool = True
    known: bool = True


@lru_cache(maxsize=4096)
def words(name: str) -> frozenset[str]:
    """Return the words of a name in small letters: ``localRank`` and ``LOCAL_RANK`` have the same."""
    return frozenset(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name))


def seedings(file: File) -> list[Seeding]:
    """Return the calls in a file that seed something, in the order of the text."""
    return sorted(_seedings(file), key=lambda one: (one.call.lineno, one.call.col_offset))


def _seedings(file: File) -> Iterator[Seeding]:
    for name, calls in file.called.items():
        what = act(name)
        seeds = what is not None and what.kind == "seed"
        if seeds or name in _OWN:
            yield from (Seeding(call, _first(file, call), file, seeds) for call in calls)
        elif may_seed(name):
            guessed = (_unread(file, call, name.rpartition(".")[2]) for call in calls)
            yield from (seeding for seeding in guessed if seeding is not None)
    for call in file.nodes(ast.Call):
        name = called(call)
        if _PREPARES.search(name) and file.resolve(call.func) is None:
            found = _method(file, call, name) or _function(file, call, name)
            if found is not None:
                yield found


def _first(file: File, call: ast.Call) -> ast.expr | None:
    """Return the first argument of a call, whatever its name, if it may be a seed."""
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else call.args[0]
    given = [keyword.value for keyword in call.keywords if keyword.arg is not None and keyword.arg != "workers"]
    return file.argument(call, "seed") or (given[0] if given else None)


def _method(file: File, call: ast.Call, name: str) -> Seeding | None:
    """Return what a call seeds that is a method of a generator."""
    if name in _METHODS and isinstance(call.func, ast.Attribute) and file.kind_of(call.func.value) in _METHODS[name]:
        return Seeding(call, _first(file, call), file, everywhere=False)
    return None


def _function(file: File, call: ast.Call, name: str) -> Seeding | None:
    """Return what a call seeds that is one of a function of the project, or of one that cannot be read."""
    target = file.definition(call)
    if target is not None:
        return _through(file, call, target)
    root = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    bindings = file.names.bindings(root)
    # What an object can do is its own affair: trainer.set_seed(0).
    if isinstance(call.func, ast.Attribute) and not any(binding.source is not None for binding in bindings):
        return None
    return _unread(file, call, name)


def _unread(file: File, call: ast.Call, name: str) -> Seeding | None:
    """Return what a call seeds, by the name alone."""
    # env.seed(0) seeds the environment; `with set_seed(0):` lends the generators.
    of_object = name == "seed" and isinstance(call.func, ast.Attribute)
    if not _SEEDS.match(name) or of_object or isinstance(file.parent(call), ast.withitem):
        return None
    return Seeding(call, _first(file, call), file, known=False)


def _through(file: File, call: ast.Call, target: Definition) -> Seeding | None:
    function = target.node
    if not isinstance(function, Function) or not target.file.runs_when_called(function):
        return None
    found = target.file.timeline_of(function)
    events = [event for event in found if event.kind == "seed"]
    if not events or any(event.kind == "restore" for event in found):
        return None  # what puts the generators back has not seeded them
    arguments = function.args
    names = [*arguments.posonlyargs, *arguments.args]
    defaults = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
    if isinstance(target.file.parent(function), ast.ClassDef):
        names = names[1:]
    for position, parameter in enumerate(names):
        if "seed" in words(parameter.arg):
            given = file.argument(call, parameter.arg, position)
            if given is not None:
                return Seeding(call, given, file)
            return Seeding(call, None if file.has_unpacking(call) else defaults.get(parameter), target.file)
    event = events[0]
    value = _first(event.file, event.node) if isinstance(event.node, ast.Call) else None
    return Seeding(call, value, event.file)


def parts(file: File, node: ast.expr) -> Iterator[ast.expr]:
    """Yield what a seed is made of, itself first: what is computed with, and what local names were assigned."""
    seen: set[ast.AST] = set()
    stack: list[tuple[ast.expr, int]] = [(node, 0)]
    while stack:
        found, depth = stack.pop()
        if found in seen or depth > _DEEPEST:
            continue
        seen.add(found)
        yield found
        stack.extend((inner, depth + 1) for inner in reversed(_inner(file, found)))


def _inner(file: File, node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Name):
        values = [binding.value for binding in file.names.bindings(node)]
        return [value for value in values if isinstance(value, ast.expr)]
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, ast.Tuple | ast.List):
        return node.elts
    if isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
        return [node.value] if isinstance(node.value, ast.Call | ast.Subscript | ast.BinOp) else []
    if isinstance(node, ast.Call):
        name = file.resolve(node.func)
        owner = [node.func.value] if name is None and isinstance(node.func, ast.Attribute) else []
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if name not in _CONVERTERS:  # what a name given to it holds need not be in what it returns
            given = [value for value in given if isinstance(value, ast.Call | ast.BinOp)]
            owner = [value for value in owner if isinstance(value, ast.Call | ast.BinOp | ast.Subscript)]
        return [*owner, *given]
    return []


def fixed(file: File, node: ast.AST | None, within: ast.AST, depth: int = 0) -> bool:
    """Return whether an expression is known to have the same value each time that a loop or function is run.

    What is set outside is: a name of the module, an attribute that nothing sets but the making of its object.
    """
    if node is None or depth > _DEEPEST:
        return False
    if isinstance(node, ast.Constant):
        return node.value is not None
    if isinstance(node, ast.Name):
        return _fixed_name(file, node, within, depth)
    if isinstance(node, ast.Attribute):
        return _fixed_attribute(file, node, within, depth)
    if isinstance(node, ast.Subscript):
        return fixed(file, node.value, within, depth + 1) and fixed(file, node.slice, within, depth + 1)
    if isinstance(node, ast.BinOp):
        return fixed(file, node.left, within, depth + 1) and fixed(file, node.right, within, depth + 1)
    if isinstance(node, ast.UnaryOp):
        return fixed(file, node.operand, within, depth + 1)
    if isinstance(node, ast.Tuple | ast.List):
        return all(fixed(file, value, within, depth + 1) for value in node.elts)
    if isinstance(node, ast.Call) and not node.keywords:
        name = file.resolve(node.func)
        same = name in _CONVERTERS or name == "os.getenv" or called(node) == "get"
        if name is None and same and isinstance(node.func, ast.Attribute):
            same = fixed(file, node.func.value, within, depth + 1)
        return same and all(fixed(file, value, within, depth + 1) for value in node.args)
    return False


def _fixed_name(file: File, node: ast.Name, within: ast.AST, depth: int) -> bool:
    bindings = file.names.bindings(node)
    inside = [binding for binding in bindings if _holds(file, within, binding.node)]
    if not inside:
        counted = any(isinstance(file.parent(binding.node), ast.AugAssign) for binding in bindings)
        return bool(bindings) and not counted and not words(node.id) & _MOVES
    if any(binding.source is not None for binding in inside):
        return True
    return len(bindings) == 1 and fixed(file, inside[0].value, within, depth + 1)


def _fixed_attribute(file: File, node: ast.Attribute, within: ast.AST, depth: int) -> bool:
    if words(node.attr) & _MOVES or not isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
        return False
    for other in file.attributes(node.attr):
        if isinstance(other.ctx, ast.Load):
            continue
        function = file.enclosing_function(other)
        made = function is None or function.name in ("__init__", "__post_init__", "main")
        if _holds(file, within, other) or (isinstance(other.value, ast.Name) and other.value.id == "self" and not made):
            return False
    if isinstance(node.value, ast.Name):
        bindings = file.names.bindings(node.value)
        # The object that a method belongs to is the same each time, as far as anybody can tell.
        if len(bindings) == 1 and isinstance(bindings[0].node, ast.arg) and node.value.id == "self":
            return True
    return fixed(file, node.value, within, depth + 1)


def same(seeding: Seeding, within: ast.AST) -> bool:
    """Return whether a call seeds with the same value each time that a loop or function is run."""
    if seeding.value is None:
        return False
    if not _holds(seeding.file, within, seeding.value):  # it stands in the function that is called
        if isinstance(seeding.file.parent(seeding.value), ast.arguments):
            within = seeding.value
        else:
            within = seeding.file.enclosing_function(seeding.value) or seeding.value
    return fixed(seeding.file, seeding.value, within)


def repeated(file: File, within: ast.AST, depth: int = 0) -> Iterator[ast.Call]:
    """Yield the calls in a loop or function that seed global generators with the same value in each of its rounds.

    Functions of the project are followed. What puts the generators back, and what happens only sometimes, is left out.
    """
    calls = file.calls_in(within)
    if isinstance(within, ast.Lambda):
        calls = [node for node in ast.walk(within.body) if isinstance(node, ast.Call)]
    if any(_restores(file, call) for call in calls):
        return
    known = {seeding.call: seeding for seeding in file.seedings if seeding.everywhere}
    for call in calls:
        if call in known:
            if same(known[call], within) and not apart(file, call, within):
                yield call
            continue
        target = file.definition(call) if depth < _DEEPEST else None
        if target is None or not isinstance(target.node, Function) or not _may_repeat(target):
            continue
        if not apart(file, call, within):
            inner = list(repeated(target.file, target.node, depth + 1))
            yield from inner if target.file is file else [call] if inner else []


def workers(file: File) -> dict[ast.AST, bool]:
    """Return the functions of a file that start the workers of a loader, and whether that may be in each epoch anew.

    They are given to a loader, or called as if they were. One that is only for loaders that do not shuffle is none:
    that all epochs are alike is wanted there.
    """
    found: dict[ast.AST, bool] = {}
    other: set[ast.AST] = set()
    for keyword in file.nodes(ast.keyword):
        if keyword.arg != "worker_init_fn":
            continue
        loader, given = file.parent(keyword), started(file, keyword.value)
        if given is None or not isinstance(loader, ast.Call):
            continue
        shuffle = file.argument(loader, "shuffle")
        if is_constant(shuffle, False) and file.argument(loader, "sampler") is None:
            other.add(given.node)
        else:
            found[given.node] = found.get(given.node, False) or _ends_with_its_epoch(file, loader)
    for function in file.functions:
        if function not in found and function not in other and _is_called_like_one(file, function):
            found[function] = True
    return found


def started(file: File, given: ast.expr) -> Definition | None:
    """Return the function that is given as one that starts workers, be it a lambda or wrapped by ``partial``."""
    if isinstance(given, ast.Call) and file.resolve(given.func) == "functools.partial" and given.args:
        given = given.args[0]
    if isinstance(given, ast.Name):
        bindings = file.names.bindings(given)
        if len(bindings) == 1 and isinstance(bindings[0].value, ast.Lambda):
            given = bindings[0].value
    return Definition(file, given) if isinstance(given, ast.Lambda) else file.definition(given)


def _ends_with_its_epoch(file: File, loader: ast.Call) -> bool:
    """Return whether the workers of a loader are known to be started in each epoch anew."""
    persistent = file.argument(loader, "persistent_workers")
    if persistent is None:
        return not file.has_unpacking(loader)
    return is_off(persistent)


def _is_called_like_one(file: File, function: Function) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args]
    if isinstance(file.parent(function), ast.ClassDef) and arguments and arguments[0].arg in ("self", "cls"):
        arguments = arguments[1:]
    found = words(function.name)
    named = not found.isdisjoint(("worker", "workers")) and not found.isdisjoint(("init", "seed"))
    return named and bool(arguments) and "seed" not in words(arguments[0].arg)


def _may_repeat(target: Definition) -> bool:
    """Return whether a call of a function seeds, and does not put the generators back."""
    assert isinstance(target.node, Function)
    if not target.file.runs_when_called(target.node):
        return False
    kinds = {event.kind for event in target.file.timeline_of(target.node)}
    return not kinds.isdisjoint(("seed", "unknown-seed")) and "restore" not in kinds


def puts_back(file: File, function: Function) -> bool:
    """Return whether a function keeps the state of generators and restores one."""
    return {"capture", "restore"} <= {found.kind for found in map(file.act, file.calls_in(function)) if found}


def _restores(file: File, call: ast.Call) -> bool:
    found = file.act(call)
    return found is not None and found.kind == "restore"


def apart(file: File, node: ast.AST, within: ast.AST) -> bool:
    """Return whether a call may be meant, or happens only sometimes: generators are put back, a case of its own."""
    for around in file.around(node):
        if around is within:
            return False
        if isinstance(around, ast.With | ast.AsyncWith):
            found = any(words(called(item.context_expr)) & _BORROWS for item in around.items)
        elif isinstance(around, ast.If | ast.IfExp):
            found = not _always(around.test)
        else:
            found = isinstance(around, ast.ExceptHandler | ast.Match)
        if found:
            return True
    return False


def _always(test: ast.expr) -> bool:
    """Return whether a condition may be expected to hold again and again: there is a seed, CUDA, a transform."""
    nodes = list(ast.walk(test))
    if any(isinstance(node, ast.Not) for node in nodes):
        return False
    found = {word for node in nodes for word in words(called(node))}
    return not found.isdisjoint(_KEEPS) or any(isinstance(node, ast.Mod) for node in nodes)


def _holds(file: File, outer: ast.AST, node: ast.AST) -> bool:
    return node is outer or file.is_inside(node, outer)
