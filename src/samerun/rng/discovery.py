"""Finding the private generators inside an object, wherever they hide, without running its code."""

from __future__ import annotations

import dis
import random
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, TypeAlias, cast

import numpy as np
import torch

from samerun.errors import DiscoveryError
from samerun.rng.bulk import LEAVES, is_bulk
from samerun.rng.numpy import BitGeneratorSource, RandomStateSource, global_bit_generator
from samerun.rng.python import PythonSource
from samerun.rng.source import Source
from samerun.rng.torch import GeneratorSource

__all__ = ["AnyGenerator", "find_generators", "private_sources"]

AnyGenerator: TypeAlias = (
    random.Random | np.random.Generator | np.random.RandomState | np.random.BitGenerator | torch.Generator
)
_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator, torch.Generator)

_OPAQUE: tuple[type, ...] = (*LEAVES, ModuleType, CodeType)

# What classes are made of, as opposed to what somebody put into them.
_MACHINERY = (
    *_OPAQUE,
    type,
    property,
    staticmethod,
    classmethod,
    BuiltinFunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ClassMethodDescriptorType,
    WrapperDescriptorType,
)

Children: TypeAlias = Iterable[tuple[str, object]]


def find_generators(obj: object) -> dict[str, AnyGenerator]:
    """Return the generators inside an object by path, nearest first.

    Looks into attributes, slots, class attributes, dicts, lists, tuples, sets, deques, object arrays, closures,
    defaults and attributes of functions, partials, bound methods, and module-level generators that a function or a
    method refers to, through cycles and any depth. Runs none of the object's code: no property, no ``__getattr__``, no
    overridden ``__iter__``. A generator that can be reached in two ways is reported once, under the shortest path.

    Returns:
        Paths such as ``transform.random_generator``, ``[0].rng``, or ``<Jitter>.rng`` and
        ``<Jitter>.__call__.__globals__['rng']`` for what belongs to a class; the path of ``obj`` itself is empty.

    What is found: ``random.Random``, ``numpy.random.Generator``, ``RandomState``, ``BitGenerator`` and
    ``torch.Generator``. What is not: the global generators, which are sources of their own; generators inside C
    extensions, iterators, running generator functions, other modules, dict keys, classes of the standard library or
    functions that are called by name; and those that are made anew at each call.

    Raises:
        DiscoveryError: for a set that holds several generators; a set has no order, so they have no stable names.

    >>> import random
    >>> class Jitter:
    ...     def __init__(self, seed):
    ...         self.rng = random.Random(seed)
    >>> list(find_generators([Jitter(1), Jitter(2)]))
    ['[0].rng', '[1].rng']
    """
    return _search(obj, lambda _: False)


def _search(obj: object, passed_over: Callable[[object], bool]) -> dict[str, AnyGenerator]:
    found: dict[str, AnyGenerator] = {}
    in_sets: set[str] = set()  # paths of the sets that hold one already
    known = {id(generator) for generator in _shared_generators()}
    layouts: dict[type, _Layout] = {}
    keep_alive = []  # ids are unique among living objects only, and some children are made on the fly
    queue: deque[tuple[str, object, tuple[str, ...]]] = deque([("", obj, ())])
    while queue:
        path, value, sets = queue.popleft()
        # A Generator of NumPy has no state of its own, only that of its bit generator.
        owner = value.bit_generator if type(value) is np.random.Generator else value
        if id(owner) in known or issubclass(type(value), _OPAQUE) or passed_over(value):
            continue
        known.add(id(owner))
        keep_alive.append(value)
        if issubclass(type(value), _GENERATORS):
            if path in found or in_sets.intersection(sets):
                reason = "a second generator under this path, because a set has no order, or a slot is declared twice"
                raise DiscoveryError(path, f"{reason}; keep them in a list or a dict")
            in_sets.update(sets)
            found[path] = value  # type: ignore[assignment]  # issubclass above, which runs no __class__ property
        inner = (*sets, path) if issubclass(type(value), set | frozenset) else sets
        for step, child in _children(value, layouts):
            queue.append((path + step if path else step.removeprefix("."), child, inner))
    return found


def private_sources(objects: tuple[object, ...], *, bulk: bool = True) -> dict[str, Source[Any]]:
    """Return the private generators inside ``objects`` as sources named ``objects[<position>].<path>``.

    Without ``bulk``, large containers of plain data are passed over, judged by some of their elements; see
    :func:`~samerun.rng.bulk.is_bulk`.
    """
    if not objects:
        return {}
    sources: dict[str, Source[Any]] = {}
    for path, generator in _search(objects, (lambda _: False) if bulk else is_bulk).items():
        name = f"objects{path}"
        sources[name] = _source(name, generator)
    return sources


def _source(name: str, generator: AnyGenerator) -> Source[Any]:
    if isinstance(generator, random.Random):
        return PythonSource(name, generator)
    if isinstance(generator, np.random.RandomState):
        return RandomStateSource(name, generator)
    if isinstance(generator, np.random.Generator):
        return BitGeneratorSource(name, generator.bit_generator)
    if isinstance(generator, np.random.BitGenerator):
        return BitGeneratorSource(name, generator)
    return GeneratorSource(name, generator)


def _shared_generators() -> Iterator[object]:
    """The generators that everyone shares, as objects somebody may refer to."""
    yield random.random.__self__  # type: ignore[attr-defined]  # a bound method of the hidden instance
    yield np.random.random.__self__  # type: ignore[attr-defined]
    yield global_bit_generator()
    yield torch.default_generator
    yield from torch.cuda.default_generators
    yield from torch.xpu.default_generators


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the instances of a class keep what they hold; found once per class and search."""

    items: Callable[[Any], Children] | None
    instance_dict: GetSetDescriptorType | MemberDescriptorType | None
    slots: tuple[tuple[str, MemberDescriptorType], ...]

    @classmethod
    def of(cls, kind: type) -> _Layout:
        items = next((children for container, children in _CONTAINERS.items() if issubclass(kind, container)), None)
        if kind is threading.local:  # a subclass would run its __init__ in a thread that is new to it
            items = _thread_local
        instance_dict, slots = None, []
        for base in type.__dict__["__mro__"].__get__(kind):
            members = type.__dict__["__dict__"].__get__(base)
            # SimpleNamespace has a member where others have a getset descriptor.
            if type(members.get("__dict__")) in (GetSetDescriptorType, MemberDescriptorType):
                instance_dict = members["__dict__"]
            if "__slots__" in members:  # C types have member descriptors too, a function even one for its module
                slots += [(name, slot) for name, slot in members.items() if isinstance(slot, MemberDescriptorType)]
        return cls(items, instance_dict, tuple(slots))


def _children(value: object, layouts: dict[type, _Layout]) -> Iterator[tuple[str, object]]:
    kind = type(value)
    if kind not in layouts:
        layouts[kind] = _Layout.of(kind)
        yield from _class_attributes(kind)  # the same for every instance
    layout = layouts[kind]
    if layout.items is not None:
        yield from layout.items(value)
    if layout.instance_dict is not None:
        instance = layout.instance_dict.__get__(value)
        if isinstance(instance, dict):
            yield from ((f".{name}", item) for name, item in dict.items(instance) if type(item) not in LEAVES)
    for name, slot in layout.slots:
        try:
            yield f".{name}", slot.__get__(value)
        except AttributeError:  # a slot that is not filled
            continue
    if issubclass(kind, type):
        yield from _class_attributes(cast("type", value))


def _mapping(value: Any) -> Children:
    items = value.items() if isinstance(value, MappingProxyType) else dict.items(value)
    return [(f"[{_key(key, place)}]", item) for place, (key, item) in enumerate(items) if not _is_barren(item)]


def _key(key: object, place: int) -> str:
    # The repr of somebody's class would run user code.
    return repr(key) if type(key) in LEAVES else f"<{type(key).__name__} {place}>"


def _is_barren(item: object) -> bool:
    """Return whether an item needs no look: a leaf, or a plain sequence of leaves, such as a path with its label."""
    kind = type(item)
    return kind in LEAVES or (kind in (tuple, list) and LEAVES.issuperset(map(type, cast("list[object]", item))))


def _sequence(kind: Any) -> Callable[[Any], Children]:
    def children(value: Any) -> Children:
        return [(f"[{place}]", item) for place, item in enumerate(kind.__iter__(value)) if not _is_barren(item)]

    return children


def _set(kind: Any) -> Callable[[Any], Children]:
    return lambda value: [("{}", item) for item in kind.__iter__(value) if type(item) not in LEAVES]


def _array(value: Any) -> Children:
    plain = np.ndarray.view(value, np.ndarray)  # without what a subclass overrides
    return _sequence(list)(plain.ravel().tolist()) if plain.dtype.hasobject else ()


def _thread_local(value: Any) -> Children:
    return _mapping(threading.local.__getattribute__(value, "__dict__"))


def _partial(value: Any) -> Children:
    # Read through the C descriptors of partial itself, which no subclass can override.
    return [(f".{name}", getattr(partial, name).__get__(value)) for name in ("func", "args", "keywords")]


def _method(value: Any) -> Children:
    return [(".__self__", value.__self__), (".__func__", value.__func__)]


def _builtin(value: Any) -> Children:
    return [(".__self__", value.__self__)]


def _function(value: Any) -> Children:
    cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=False)
    closure = [(f".{name}", cell.cell_contents) for name, cell in cells if _is_filled(cell)]
    defaults = [(f".__defaults__[{position}]", item) for position, item in enumerate(value.__defaults__ or ())]
    keywords = [(f".__kwdefaults__[{name!r}]", item) for name, item in (value.__kwdefaults__ or {}).items()]
    return [*closure, *defaults, *keywords, *_globals_used(value)]


def _is_filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # a variable that is not assigned yet
        return False
    return True


def _globals_used(function: FunctionType) -> Iterator[tuple[str, object]]:
    """Yield module-level generators that a function's code names; other globals would lead through whole libraries."""
    for name in _names(function.__code__):
        item = function.__globals__.get(name)
        owner = getattr(item, "__self__", None) if type(item) in (BuiltinFunctionType, MethodType) else item
        if issubclass(type(owner), _GENERATORS):
            yield f".__globals__[{name!r}]", owner


@cache
def _names(code: CodeType) -> tuple[str, ...]:
    """Return the names that code loads as globals; ``co_names`` has those of attributes too."""
    return tuple(_loaded(code))


def _loaded(code: CodeType) -> Iterator[str]:
    yield from (step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):  # a nested function, a lambda or a comprehension
            yield from _loaded(constant)


# The first that matches is used, and the attributes of the object come on top.
_CONTAINERS: dict[type[Any], Callable[[Any], Children]] = {
    dict: _mapping,
    MappingProxyType: _mapping,
    list: _sequence(list),
    tuple: _sequence(tuple),
    deque: _sequence(deque),
    set: _set(set),
    frozenset: _set(frozenset),
    np.ndarray: _array,
    partial: _partial,
    MethodType: _method,
    BuiltinFunctionType: _builtin,
    FunctionType: _function,
}


def _class_attributes(cls: type) -> Iterator[tuple[str, object]]:
    """Yield what a class holds for all its instances, and the module-level generators its methods refer to."""
    for base in type.__dict__["__mro__"].__get__(cls):
        # The plumbing of the standard library: registries of whole processes, names of temporary files.
        if _module_of(base) in sys.stdlib_module_names:
            continue
        owner = f".<{base.__name__}>"  # an instance or a subclass may have another member of the same name
        for name, member in type.__dict__["__dict__"].__get__(base).items():
            kind = type(member)
            function = member
            if issubclass(kind, staticmethod | classmethod):
                function = member.__func__
            elif issubclass(kind, property):
                function = member.fget
            if type(function) is FunctionType:
                steps = _function(function)
                generators = ((step, item) for step, item in steps if issubclass(type(item), _GENERATORS))
                yield from ((f"{owner}.{name}{step}", item) for step, item in generators)
            elif name[:2] != "__" and not issubclass(kind, _MACHINERY):
                yield f"{owner}.{name}", member


def _module_of(cls: type) -> str:
    module = type.__dict__["__dict__"].__get__(cls).get("__module__")
    # A script's own classes are in __main__, which counts as standard library too.
    return module.partition(".")[0] if type(module) is str and module != "__main__" else ""
