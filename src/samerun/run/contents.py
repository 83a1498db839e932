"""All that a run keeps, by name."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from torch import nn
from torch.utils.data import DataLoader as TorchDataLoader

from samerun.data import DataLoader, exact
from samerun.data.stateful import has_state
from samerun.errors import Problem, RunError, StateError
from samerun.run.tracked import Tracked, tracked

__all__ = ["Contents"]

# The name of a loader that nobody tracked.
_UNNAMED = "loader-0"


class Contents:
    """The tracked things of a run.

    Args:
        waive: names of things that may differ from the checkpoint.
        seed: for loaders that are made exact.
    """

    def __init__(self, waive: Collection[str], seed: int) -> None:
        self.waive = frozenset(waive)
        self._run = object()  # what its loaders know it by
        self._seed = seed
        self._kept: dict[str, Tracked] = {}
        # Saved states whose things are tracked when they are first iterated.
        self._later: dict[str, Any] = {}
        # What torch loaders were made exact, which must be the same each time one is given.
        self._exact: weakref.WeakKeyDictionary[Any, DataLoader[Any]] = weakref.WeakKeyDictionary()

    def __iter__(self) -> Iterator[Tracked]:
        return iter(self._kept.values())

    def things(self) -> list[Any]:
        """Return what is tracked, also torch's loaders that others stand for."""
        return [kept.thing for kept in self] + list(self._exact)

    def add(self, things: Mapping[str, Any]) -> list[str]:
        """Track things under new names, or the same things again; return the names that are new.

        Raises:
            TypeError: for a thing with nothing to keep.
            ValueError: for a name that has another thing already.
        """
        added = {}
        for name, given in things.items():
            thing = self._made_exact(given, name)
            if name in self._kept and self._kept[name].thing is not thing:
                raise ValueError(f"{name!r} is tracked already, and is another {type(thing).__qualname__}")
            if name not in self._kept:
                added[name] = tracked(name, thing)
        self._kept.update(added)
        for kept in added.values():
            if isinstance(kept.thing, DataLoader):
                kept.thing._run = self._run
        return list(added)

    def remove(self, names: Iterable[str]) -> None:
        """Track things no longer."""
        for name in names:
            del self._kept[name]

    def loader(self, loader: Iterable[Any]) -> Tracked:
        """Return how a loader is kept, after tracking it if it is not.

        Raises:
            RunError: for a second one that is not tracked; the order of their first use may be another after a resume.
            TypeError: for one without a state, in whose middle no run could go on.
        """
        for kept in self:
            if kept.thing is loader or kept.thing is self._known(loader):
                return _with_a_place(kept)
        if _UNNAMED in self._kept:
            reason = "a second loader that is not tracked could not be told from the first after a resume; give both"
            raise RunError("batches", f"{reason} a name, such as run.track(train=..., finetune=...)")
        self.add({_UNNAMED: loader})
        try:
            _with_a_place(self._kept[_UNNAMED])
        except TypeError:
            del self._kept[_UNNAMED]
            raise
        if _UNNAMED in self._later:
            self.load(self._later, [_UNNAMED])
            del self._later[_UNNAMED]
        return self._kept[_UNNAMED]

    def states(self) -> dict[str, Any]:
        """Return the states of all by name, also of those whose things have not come yet."""
        modules = [kept.thing for kept in self if isinstance(kept.thing, nn.Module)]
        owned = {id(parameter) for module in modules for parameter in module.parameters()}
        for kept in self:
            kept.owned = owned
        return {**self._later, **{kept.name: kept.state() for kept in self}}

    def load(self, states: Mapping[str, Any], names: Iterable[str]) -> None:
        """Load the saved states of some, or raise before anything is changed.

        Raises:
            StateError: naming everything that does not fit.
        """
        names = [name for name in names if name in states or name not in self.waive]
        problems = [
            Problem(name, "nothing in the checkpoint", "a state", f"track it from the start, or pass waive=[{name!r}]")
            for name in names
            if name not in states
        ]
        for name in names:
            if name in states:
                odd = list(self._kept[name].odd(states[name]))
                problems += odd if odd or name in self.waive else self._kept[name].problems(states[name])
        if problems:
            raise StateError(problems)
        ordered = sorted((self._kept[name] for name in names), key=lambda kept: kept.is_position)
        for kept in ordered:
            kept.load(states[kept.name], exactly=kept.name not in self.waive)

    def load_all(self, states: Mapping[str, Any]) -> None:
        """Load the saved states of all.

        Raises:
            StateError: naming also what is in the checkpoint and not tracked.
        """
        missing = [name for name in states if name not in self._kept and name not in self.waive]
        # A loader that is tracked when it is first iterated may come later.
        self._later = {name: states[name] for name in missing if name == _UNNAMED}
        missing = [name for name in missing if name not in self._later]
        if missing:
            raise StateError(
                Problem(name, "a state in the checkpoint", "a tracked thing", f"track it, or pass waive=[{name!r}]")
                for name in missing
            )
        self.load(states, self._kept)

    def _known(self, loader: Any) -> Any:
        return self._exact.get(loader) if isinstance(loader, TorchDataLoader) else None

    def _made_exact(self, thing: Any, name: str) -> Any:
        if not isinstance(thing, TorchDataLoader) or has_state(thing):
            return thing
        if thing not in self._exact:
            self._exact[thing] = exact(thing, name=name, seed=self._seed)
        return self._exact[thing]


def _with_a_place(kept: Tracked) -> Tracked:
    if not kept.has_place:
        raise TypeError(
            f"batches: a {type(kept.thing).__qualname__} has generators inside but no state_dict() and"
            " load_state_dict(), so a resumed run would begin it anew; give it both, or hand over the loader inside it"
        )
    return kept
