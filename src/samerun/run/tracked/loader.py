"""Loaders: their state is a place."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, ClassVar

from samerun.errors import Problem
from samerun.rng import Stream
from samerun.run.tracked.base import Parts, Tracked

__all__ = ["Loader", "OtherLoader"]


class Loader(Tracked):
    """A loader of samerun's, whose state is a place."""

    is_position = True

    def state(self) -> Any:
        return self.thing.state_dict()

    def problems(self, state: Any) -> Iterator[Problem]:
        return iter(())  # it compares for itself before it changes anything

    def load(self, state: Any, *, exactly: bool) -> None:
        self.thing.load_state_dict(deepcopy(state))

    def leave(self) -> None:
        state = self.thing.state_dict()
        if state["taken"] or state["shards"]:  # else the pass was over
            self.begin(0)

    def epoch(self) -> int | None:
        epoch: int = self.thing.state_dict()["epoch"]
        return epoch


class OtherLoader(Tracked):
    """A loader of somebody else, with its state, whether a pass was begun, and whether the last was left inside.

    Such a loader may draw seeds from the global generators when it is asked for its state or begins a pass, and another
    number of them after it was resumed: so it draws them from a stream of its own. Before its first pass that is always
    the same one, because asking for the state may begin the pass already.
    """

    is_position = True
    parts: ClassVar[Parts] = {"state": object, "begun": bool, "left": bool}

    def __init__(self, name: str, thing: Any) -> None:
        super().__init__(name, thing)
        if getattr(thing, "generator", None) is not None:
            raise TypeError(
                f"{name}: a {type(thing).__qualname__} with a generator of its own does not come back as it was,"
                " because it draws seeds and order from it in turn; leave generator= out, or use samerun.DataLoader"
            )
        self._begun = self._left = False

    def state(self) -> Any:
        with Stream(0, name=self.name):
            return {"state": self.thing.state_dict(), "begun": self._begun, "left": self._left}

    def problems(self, state: Any) -> Iterator[Problem]:
        return iter(())  # only the loader can tell

    def load(self, state: Any, *, exactly: bool) -> None:
        with Stream(0, name=self.name):
            self.thing.load_state_dict(deepcopy(state["state"]))
        self._begun, self._left = state["begun"], False
        if state["left"]:
            self.leave()

    def leave(self) -> None:
        self.begin(0)  # where it was left, so that the next pass is another one
        self._left = True

    def begin(self, seed: int) -> Iterator[Any]:
        with Stream(seed if self._begun else 0, name=self.name):
            batches = iter(self.thing)
        self._begun, self._left = True, False
        return self._noticing(batches)

    def _noticing(self, batches: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from batches
        except GeneratorExit:
            self._left = True
            raise
