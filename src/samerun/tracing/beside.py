"""What is there beside the training and no optimizer trains: averages of the weights, teachers, frozen modules."""

from __future__ import annotations

import sys
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator
from types import ModuleType
from typing import Any, Literal, TypeAlias

import torch
from torch import nn

from samerun.tracing.away import Away
from samerun.tracing.fingerprint import place_of
from samerun.tracing.later import Later, combined, there
from samerun.tracing.owners import Alive, class_name, joined, walk
from samerun.tracing.script import instance, variables
from samerun.tracing.settings import keeps_states
from samerun.tracing.training import Group, Layout, Record, layout

__all__ = ["Beside"]

Named: TypeAlias = list[tuple[str, torch.Tensor]]
# The series: ("parameters", "AveragedModel").
Key: TypeAlias = tuple[str, str]
# A tensor's name, the module that has it, and where in that: ("_buffers", "running_mean").
_Slot: TypeAlias = tuple[str, weakref.ref[nn.Module], Literal["_parameters", "_buffers"], str]

# Steps to wait before looking again, at most.
_MOST = 1000

_MAPPINGS, _SEQUENCES = (dict, OrderedDict), (list, tuple)


class Beside:
    """The tensors that belong to the model and to no optimizer, looked at without keeping modules alive.

    Found are parameters of all modules there are, and the buffers of modules of which nothing is trained (the others'
    are looked at with their optimizer); and dicts and lists of tensors that are variables of the script, or attributes
    of one, and have the shapes of what is trained, as averages written by hand do. Each outermost module and each
    such collection has a name: ``__main__.teacher`` if it is a variable of the script, ``__main__.ema.module`` if it is
    an attribute of one, or else its class: ``AveragedModel``, the second one ``AveragedModel#2``.

    Looking for them takes as long as :func:`~samerun.tracing.owners.alive`. It is done at the beginning, and after
    modules were made, each time no sooner than after twice as many steps, at most 1,000.
    """

    def __init__(self, away: Away) -> None:
        self._away = away
        self._is_due, self._not_before, self._wait = True, 0, 1
        self._names: dict[int, tuple[weakref.ref[nn.Module], str]] = {}
        self._numbers: Counter[str] = Counter()
        self._watched: dict[Key, _Watched] = {}
        self._looked = -1

    def expect(self, *, soon: bool = False) -> None:
        """Be told that there may be other modules than at the last look; that one optimizer more is there (soon)."""
        self._is_due = True
        if soon:
            self._not_before = 0

    def is_due(self, step: int) -> bool:
        """Return whether it is time to look which there are."""
        return self._is_due and step >= self._not_before

    def look(self, alive: Alive, step: int) -> list[tuple[str, str]]:
        """Find out which there are; return name and class of the new ones."""
        self._is_due, self._not_before, self._wait = False, step + self._wait, min(2 * self._wait, _MOST)
        known, self._watched = self._watched, {}
        classes: dict[Key, str] = {}
        for key, kind, tensors in self._found(alive):
            self._watched[key] = known.get(key) or _Watched(self._away)
            self._watched[key].tensors = tensors
            classes[key] = kind
        return list(dict.fromkeys((key[1], classes[key]) for key in self._watched if key not in known))

    def records(self, step: int, kinds: Collection[str]) -> Iterator[tuple[str, str, Record]]:
        """Yield kind, name and what stands for the tensors of each. Those that did not move are not read again.

        Moved is what lies elsewhere or was changed by an operation of torch's. All are read at steps 0 to 9 and each
        100th, and what had changed then without having moved, as through ``.data``, at every moment from then on.
        """
        if not self._watched:
            return
        thorough = keeps_states(step) and step != self._looked
        self._looked = step
        for (kind, name), watched in self._watched.items():
            if kind in kinds and (found := watched.record(thorough)) is not None:
                yield kind, name, found

    def _found(self, alive: Alive) -> Iterator[tuple[Key, str, Callable[[], Named]]]:
        trained = alive.trained()
        seen = {id(parameter) for parameters in trained for parameter in parameters}
        paths = {id(value): path for path, value in _variables()}
        for root in alive.roots():
            slots = _slots(root, seen)
            if slots:
                name = self._name(root, paths)
                for kind in ("parameters", "buffers"):
                    if chosen := [slot for slot in slots if slot[2] == f"_{kind}"]:
                        yield (kind, name), class_name(root), _Slots(chosen)
        shapes = [Counter(parameter.shape for parameter in parameters) for parameters in trained]
        places = {place_of(parameter) for parameters in trained for parameter in parameters}
        for path, value in _variables():
            tensors = [tensor for _, tensor in _collected(value)]
            own = tensors and not any(id(tensor) in seen or place_of(tensor) in places for tensor in tensors)
            if own and any(found and found <= Counter(tensor.shape for tensor in tensors) for found in shapes):
                yield ("parameters", _dotted(path)), type(value).__name__, _Variable(path)

    def _name(self, root: nn.Module, paths: dict[int, tuple[str, ...]]) -> str:
        reference, name = self._names.get(id(root), (None, ""))
        if reference is not None and reference() is root:
            return name
        if (path := paths.get(id(root))) is not None:
            name = _dotted(path)
        else:
            kind = type(root).__name__
            self._numbers[kind] += 1
            name = kind if self._numbers[kind] == 1 else f"{kind}#{self._numbers[kind]}"
        self._names[id(root)] = weakref.ref(root), name
        return name


class _Watched:
    """Tensors that are read again where they may have changed."""

    def __init__(self, away: Away) -> None:
        self.tensors: Callable[[], Named] = list
        self._group = Group(away)
        self._places: list[tuple[int, int] | None] = []
        self._is_restless: bool | Later[bool] = False
        self._layout: Layout = []
        self._known: Record | None = None

    def record(self, thorough: bool) -> Record | None:
        named = self.tensors()
        if not named:
            return None
        places, known = [place_of(tensor) for _, tensor in named], self._known
        stayed = known is not None and places == self._places
        if known is not None and stayed and not thorough and not self._may_be_restless():
            return Record(there(known.digest), there(known.parts))
        if thorough or len(named) != len(self._layout):
            self._layout = layout(named)
        found = self._group.record([tensor for _, tensor in named], self._layout)
        if known is not None and stayed:
            self._is_restless = combined([self._is_restless, found.digest, known.digest], _has_changed)
        self._places, self._known = places, found
        return found

    def _may_be_restless(self) -> bool:
        """Return whether the tensors change without having moved, or it is not known yet; nothing waits for it."""
        if isinstance(self._is_restless, Later) and self._is_restless.is_there:
            self._is_restless = self._is_restless.now()
        return bool(self._is_restless)


def _has_changed(found: list[Any]) -> bool:
    restless, digest, known = found
    return bool(restless) or digest != known


class _Slots:
    """Tensors where modules have them."""

    def __init__(self, slots: list[_Slot]) -> None:
        self._slots = slots

    def __call__(self) -> Named:
        return [
            (name, tensor)
            for name, reference, kind, attribute in self._slots
            if (module := reference()) is not None and (tensor := getattr(module, kind).get(attribute)) is not None
        ]


class _Variable:
    """Tensors that a variable of the script, or an attribute of one, holds in a dict or a list."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self._path = path

    def __call__(self) -> Named:
        value: Any = sys.modules.get("__main__")
        for name in self._path:
            value = instance(value).get(name)
        return _collected(value)


def _slots(root: nn.Module, seen: set[int]) -> list[_Slot]:
    """Return where the tensors are that were not seen before; the buffers only if no parameter was."""
    modules = list(walk(root, ""))
    held = [(path, module, name, found) for path, module in modules for name, found in module._parameters.items()]
    is_own = not any(id(found) in seen for *_, found in held)
    slots: list[_Slot] = []
    for path, module, name, found in held:
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            slots.append((joined(path, name), weakref.ref(module), "_parameters", name))
    for path, module in modules if is_own else ():
        for name, buffer in module._buffers.items():
            if buffer is not None and id(buffer) not in seen:
                seen.add(id(buffer))
                slots.append((joined(path, name), weakref.ref(module), "_buffers", name))
    return slots


def _variables() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the variables of the script and the attributes of those that are objects of its own, by path."""
    for name, value in variables():
        yield (name,), value
        if not issubclass(type(value), nn.Module | torch.optim.Optimizer | torch.Tensor | ModuleType | type):
            for attribute, inner in list(instance(value).items()):
                yield (name, attribute), inner


def _collected(value: Any) -> Named:
    """Return the tensors of a dict or list that holds nothing else."""
    if type(value) in _MAPPINGS:
        named = list(value.items())
    elif type(value) in _SEQUENCES:
        named = [(f"[{at}]", found) for at, found in enumerate(value)]
    else:
        return []
    plain = all(type(name) is str and type(found) in (torch.Tensor, nn.Parameter) for name, found in named)
    return named if plain else []


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(("__main__", *path))
