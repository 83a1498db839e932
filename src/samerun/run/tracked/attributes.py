"""What a module or an optimizer keeps in plain attributes, beside its state: counters, means, hidden states."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from samerun.errors import Problem, RunError
from samerun.run.tracked.plain import SCALARS, copied, digest, entry, inside, is_plain, put_back, size, storage

__all__ = ["Attributes"]

# What every module and every optimizer has, such as hooks.
_COMMON = frozenset(vars(nn.Module())) | frozenset(vars(torch.optim.SGD([torch.zeros(0)])))

# Bytes up to which a copy of a value is kept, for a training that is begun again.
_LARGEST = 1 << 26


class _Beginning:
    """How an attribute was when its owner was tracked first in this process."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.digest = digest(value)
        self.inside = dict(inside(value))
        self._large = size(value) > _LARGEST
        self._copy = None if self._large else copied(value)

    def is_still(self, value: Any) -> bool:
        """Return whether a value has the bits of this one."""
        return (value is self.value and type(value) in SCALARS) or digest(value) == self.digest

    def back(self, where: str) -> Any:
        """Return the value of then, in the objects of then.

        Raises:
            RunError: for one that was too large for a copy.
        """
        if self._large:
            reason = (
                f"the attribute was changed since it was tracked, and with more than {_LARGEST >> 20} MB no copy of it"
                " was kept; make the thing anew before it is tracked again"
            )
            raise RunError(where, reason)
        return put_back(entry(self._copy, dict(inside(self._copy))), self.inside, None)


# By the thing's id; so a training that is begun again with it in one process knows where it began.
_beginnings: dict[int, dict[tuple[str, str], _Beginning]] = {}


class Attributes:
    """The plain attributes of a thing and its parts that are not what they were when it was tracked.

    So a constant of the script, such as the rate of a dropout, is the script's, and a counter is the run's.

    What is captured: ``None``, bools, numbers, strings, bytes, dense tensors, arrays, and lists, tuples and dicts of
    them; of the classes of ``torch.nn`` only numbers, strings and the like. What is not: objects of other classes,
    second names for what is kept already, and what other classes of torch keep.

    Args:
        thing: a module or an optimizer.
        parts: returns its parts by path, among them itself.
        kept: returns the tensors that are kept otherwise.
    """

    def __init__(
        self, thing: Any, parts: Callable[[], Iterable[tuple[str, Any]]], kept: Callable[[], Iterable[torch.Tensor]]
    ) -> None:
        self._parts, self._kept = parts, kept
        self._again = id(thing) in _beginnings
        if not self._again:
            _beginnings[id(thing)] = {place: _Beginning(value) for place, value in self._values()}
            weakref.finalize(thing, _beginnings.pop, id(thing), None)
        self._beginnings = _beginnings[id(thing)]

    def state(self) -> dict[str, Any]:
        """Return what has changed: ``changed`` by part and name, and ``deleted`` as pairs of these."""
        values = dict(self._values())
        changed: dict[str, dict[str, Any]] = {}
        for (part, name), value in values.items():
            beginning = self._beginnings.get((part, name))
            if beginning is None or not beginning.is_still(value):
                changed.setdefault(part, {})[name] = entry(value, beginning.inside if beginning else {})
        parts = dict(self._parts())
        gone = [(part, name) for part, name in self._beginnings if part in parts and name not in vars(parts[part])]
        return {"changed": changed, "deleted": [list(place) for place in gone]}

    def problems(self, name: str, state: Mapping[str, Any]) -> Iterator[Problem]:
        """Yield the parts that a saved state has and the thing has not."""
        for part in state["changed"].keys() - dict(self._parts()).keys():
            for attribute in state["changed"][part]:
                where = f"{name}[{f'{part}.{attribute}'!r}]"
                yield Problem(where, "an attribute in the checkpoint", "one of a part the thing has")

    def load(self, state: Mapping[str, Any]) -> None:
        """Put back what had changed, as it was saved, and the rest as it was in the beginning.

        Raises:
            RunError: if that cannot be.
        """
        device = next((tensor.device for tensor in self._kept()), None)
        parts = {path: vars(part) for path, part in self._parts()}
        gone = {(part, name) for part, name in state["deleted"]}
        saved = {(part, name): found for part, names in state["changed"].items() for name, found in names.items()}
        now = dict(self._values())
        for part, name in gone | ({*now} - {*saved} - {*self._beginnings} if self._again else set()):
            parts[part].pop(name, None)
        for place, beginning in self._beginnings.items():
            part, name = place
            if part in parts and place not in gone and place not in saved:
                if place in now and beginning.is_still(now[place]):
                    continue
                if place in now or name not in parts[part]:
                    parts[part][name] = beginning.back(f"{part}.{name}")
        for (part, name), found in saved.items():
            there = self._beginnings[part, name].inside if (part, name) in self._beginnings else {}
            parts[part][name] = put_back(found, there, device)

    def _values(self) -> Iterator[tuple[tuple[str, str], Any]]:
        taken = {place for tensor in self._kept() if (place := storage(tensor)) is not None}
        for path, part in self._parts():
            of_torch = _is_of_torch(type(part))
            if of_torch and not isinstance(part, nn.Module):
                continue
            if of_torch and not type(part).__module__.startswith("torch.nn.modules."):
                continue  # such as DistributedDataParallel, whose flags belong to its process
            for name, value in vars(part).items():
                if name in _COMMON or (of_torch and type(value) not in SCALARS):
                    continue
                if is_plain(value, taken):
                    yield (path, name), value


def _is_of_torch(kind: type) -> bool:
    """Return whether a class and all it is made of are torch's; a parametrized one is made of the user's too."""
    homes = {base.__module__.partition(".")[0] for base in kind.__mro__}
    return homes <= {"torch"} | (sys.stdlib_module_names - {"__main__"})
