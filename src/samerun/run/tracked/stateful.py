"""A thing with ``state_dict`` and ``load_state_dict``, and the forms of the tensors in its state."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch.nn.parameter import is_lazy

from samerun.errors import Problem, RunError
from samerun.run.tracked.base import Parts, Tracked
from samerun.run.tracked.generators import Inside
from samerun.state import Leaf, first_difference, walk

__all__ = ["OwnLoop", "Stateful", "fits", "form", "load_own", "misfits", "tensors"]


class Stateful(Tracked):
    """A thing with a state of its own, and the generators inside that it may leave out of it."""

    parts: ClassVar[Parts] = {"state": object, "generators": dict}

    def __init__(self, name: str, thing: Any) -> None:
        super().__init__(name, thing)
        self._inside = Inside(name, thing)

    def state(self) -> Any:
        return {"state": self.thing.state_dict(), "generators": self._inside.state()}

    def problems(self, state: Any) -> Iterator[Problem]:
        yield from misfits(self.name, self.thing.state_dict(), state["state"], may_grow=True)
        yield from self._inside.problems(state["generators"])

    def load(self, state: Any, *, exactly: bool) -> None:
        load_own(self.name, self.thing, state["state"], exactly=exactly)
        self._inside.load(state["generators"], exactly=exactly)


class OwnLoop(Tracked):
    """A thing with a state of its own that is iterated: where its generators must be, it knows itself."""

    is_position = True
    parts: ClassVar[Parts] = None

    def state(self) -> Any:
        return self.thing.state_dict()

    def problems(self, state: Any) -> Iterator[Problem]:
        return iter(())  # only the thing can tell

    def load(self, state: Any, *, exactly: bool) -> None:
        load_own(self.name, self.thing, state, exactly=exactly)


def load_own(name: str, thing: Any, state: Any, *, exactly: bool) -> None:
    """Let a thing load a state, of which it gets a copy.

    Raises:
        RunError: if it cannot, or if its state is another one afterwards although it is to be taken exactly.
    """
    try:
        thing.load_state_dict(deepcopy(state))
    except Exception as error:
        what = f"{type(thing).__qualname__}.load_state_dict"
        reason = f"{what} raised {error!r} for the saved state; track the thing it was saved from under this name"
        raise RunError(name, reason) from error
    if exactly and (difference := first_difference(_plain(state), _plain(thing.state_dict()))):
        reason = (
            f"{type(thing).__qualname__}.load_state_dict did not take the saved state as it is: {difference};"
            f" it cannot go on exactly; pass waive=[{name!r}] to go on all the same"
        )
        raise RunError(name, reason)


def misfits(name: str, ours: Any, saved: Any, *, may_grow: bool = False) -> Iterator[Problem]:
    """Yield the tensors of a saved state that have another shape or dtype in ours.

    Args:
        name: of the thing.
        ours: its state.
        saved: the other one.
        may_grow: whether a saved tensor may be longer in its first dimension, as a history is.
    """
    here = dict(tensors(ours))
    for path, tensor in tensors(saved):
        if path in here and not fits(here[path], tensor) and not (may_grow and _grown(here[path], tensor)):
            yield Problem(f"{name}{path}", form(tensor), f"{form(here[path])} as it is here")


def fits(ours: torch.Tensor, saved: torch.Tensor) -> bool:
    """Return whether a tensor can take the values of another; a lazy parameter takes any."""
    return is_lazy(ours) or form(ours) == form(saved)


def _grown(ours: torch.Tensor, saved: torch.Tensor) -> bool:
    same = ours.dtype == saved.dtype and ours.dim() == saved.dim() > 0
    return same and ours.shape[1:] == saved.shape[1:] and len(saved) > len(ours)


def tensors(state: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the tensors of a state by key path."""
    leaves: Iterator[tuple[str, Leaf]] = walk(state)
    return ((path, leaf) for path, leaf in leaves if isinstance(leaf, torch.Tensor))


def form(tensor: torch.Tensor) -> str:
    """Return the dtype and shape of a tensor."""
    return f"{tensor.dtype}{list(tensor.shape)}"


def _plain(state: Any) -> Any:
    """Return a state with plain dicts, as a checkpoint gives them back."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    if type(state) in (list, tuple):
        return type(state)(map(_plain, state))
    return state
