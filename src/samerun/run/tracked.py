"""What a run keeps: anything with a state, and generators; compared with a checkpoint before anything is loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from samerun.data import DataLoader
from samerun.data.stateful import has_state
from samerun.errors import Problem, RunError, StateError
from samerun.rng import Stream
from samerun.rng.discovery import private_sources
from samerun.rng.snapshot import write_all
from samerun.rng.source import Source
from samerun.rng.state import RngState
from samerun.state import Leaf, first_difference, walk

__all__ = ["Tracked", "tracked"]


class Tracked(ABC):
    """One thing that is kept under a name."""

    #: Loaded after everything else but the generators.
    is_position = False

    def __init__(self, name: str, thing: Any) -> None:
        self.name = name
        self.thing = thing

    @abstractmethod
    def state(self) -> Any:
        """Return its state."""

    @abstractmethod
    def problems(self, state: Any) -> Iterator[Problem]:
        """Yield why a saved state does not fit, without changing anything."""

    @abstractmethod
    def load(self, state: Any, *, exactly: bool) -> None:
        """Load a state that fits, or whatever of it can be.

        Args:
            state: what :meth:`state` gave; nothing keeps a part of it.
            exactly: whether it is an error if the thing does not take it as it is.

        Raises:
            RunError: then.
        """

    def epoch(self) -> int | None:
        """Return the epoch a loader is in, or would begin; ``None`` for what does not say."""
        return None

    def leave(self) -> None:  # noqa: B027  # only loaders have passes
        """End the pass that a loader was loaded inside of, as leaving its loop does."""

    def begin(self, seed: int) -> Iterator[Any]:
        """Begin a pass over a loader; ``seed`` is for what it draws from the global generators by that."""
        batches: Iterator[Any] = iter(self.thing)
        return batches


class _Stateful(Tracked):
    """A thing with ``state_dict`` and ``load_state_dict``."""

    def state(self) -> Any:
        return self.thing.state_dict()

    def problems(self, state: Any) -> Iterator[Problem]:
        ours = dict(_tensors(self.thing.state_dict()))
        for path, saved in _tensors(state):
            if path in ours and _form(saved) != _form(ours[path]):
                yield Problem(f"{self.name}{path}", _form(saved), f"{_form(ours[path])} as it is here")

    def load(self, state: Any, *, exactly: bool) -> None:
        self.thing.load_state_dict(deepcopy(state))
        if exactly and (difference := first_difference(_plain(state), _plain(self.thing.state_dict()))):
            reason = (
                f"{type(self.thing).__qualname__}.load_state_dict did not take the saved state as it is: {difference};"
                f" it cannot go on exactly; pass waive=[{self.name!r}] to go on all the same"
            )
            raise RunError(self.name, reason)


class _Module(_Stateful):
    """A module: parameters, persistent buffers, pending gradients, what is frozen, and which parts evaluate."""

    def state(self) -> Any:
        parameters = dict(self.thing.named_parameters())
        return {
            "state": self.thing.state_dict(),
            "gradients": {name: found.grad for name, found in parameters.items() if found.grad is not None},
            "frozen": [name for name, found in parameters.items() if not found.requires_grad],
            "evaluating": [name for name, part in self.thing.named_modules() if not part.training],
        }

    def problems(self, state: Any) -> Iterator[Problem]:
        ours = self.thing.state_dict()
        for key in state["state"].keys() - ours.keys():
            yield Problem(f"{self.name}[{key!r}]", "a value in the checkpoint", "none, as the module has none here")
        for key in ours.keys() - state["state"].keys():
            yield Problem(f"{self.name}[{key!r}]", "nothing in the checkpoint", "a value, as the module has one here")
        yield from super().problems(state["state"])

    def load(self, state: Any, *, exactly: bool) -> None:
        saved = state["state"]
        if not exactly:
            ours = self.thing.state_dict()
            saved = {key: value for key, value in saved.items() if key in ours and _form(value) == _form(ours[key])}
            self.thing.load_state_dict(saved, strict=False)
            return
        super().load(saved, exactly=True)
        for name, parameter in self.thing.named_parameters():
            gradient = state["gradients"].get(name)
            parameter.requires_grad_(name not in state["frozen"])
            parameter.grad = None if gradient is None else gradient.to(parameter.device, copy=True)
        for name, part in self.thing.named_modules():
            part.training = name not in state["evaluating"]


class _Optimizer(_Stateful):
    """An optimizer, whose groups of parameters must be as many and as large as they were."""

    def problems(self, state: Any) -> Iterator[Problem]:
        found, ours = (
            [len(group["params"]) for group in each["param_groups"]] for each in (state, self.thing.state_dict())
        )
        if found != ours:
            yield Problem(f"{self.name}['param_groups']", f"groups of {found} parameters", f"groups of {ours}")
        yield from super().problems(state)


class _Loader(Tracked):
    """A loader, whose state is a place."""

    is_position = True

    def state(self) -> Any:
        return self.thing.state_dict()

    def problems(self, state: Any) -> Iterator[Problem]:
        return iter(())  # it compares for itself before it changes anything

    def load(self, state: Any, *, exactly: bool) -> None:
        self.thing.load_state_dict(deepcopy(state))

    def leave(self) -> None:
        if isinstance(self.thing, DataLoader):
            state = self.thing.state_dict()
            if not (state["taken"] or state["shards"]):  # the pass was over
                return
        self.begin(0)

    def begin(self, seed: int) -> Iterator[Any]:
        if isinstance(self.thing, DataLoader):
            return super().begin(seed)
        # Others draw seeds here, and another number of them when they were resumed.
        with Stream(seed):
            return super().begin(seed)

    def epoch(self) -> int | None:
        return self.thing.state_dict()["epoch"] if isinstance(self.thing, DataLoader) else None


class _Generators(Tracked):
    """A generator, or an object with generators inside."""

    def __init__(self, name: str, thing: Any, sources: dict[str, Source[Any]]) -> None:
        super().__init__(name, thing)
        self._sources = sources

    def state(self) -> Any:
        return RngState.read(self._sources.values()).state_dict()

    def problems(self, state: Any) -> Iterator[Problem]:
        loaded = RngState()
        try:
            loaded.load_state_dict(state)
        except StateError as error:
            yield from error.problems
            return
        for name in set(loaded) ^ set(self._sources):
            found, expected = ("a state", "none") if name in loaded else ("no state", "one")
            yield Problem(f"{self.name}: {name}", found, expected)

    def load(self, state: Any, *, exactly: bool) -> None:
        loaded = RngState()
        loaded.load_state_dict(state)
        write_all(loaded, self._sources, strict=exactly)


def tracked(name: str, thing: Any) -> Tracked:
    """Return how a thing is kept.

    Raises:
        TypeError: for a thing with neither a state nor generators.
    """
    for fits, kind in _KINDS:
        if fits(thing):
            return kind(name, thing)
    if sources := private_sources((thing,)):
        return _Generators(name, thing, sources)
    raise TypeError(
        f"{name}: a {type(thing).__qualname__} has neither state_dict() and load_state_dict() nor generators inside, so"
        " there is nothing to keep"
    )


def _is_other_loader(thing: Any) -> bool:
    return has_state(thing) and hasattr(thing, "dataset") and hasattr(thing, "__iter__")


# The first that fits is used.
_KINDS: tuple[tuple[Callable[[Any], bool], type[Tracked]], ...] = (
    (lambda thing: isinstance(thing, nn.Module), _Module),
    (lambda thing: isinstance(thing, torch.optim.Optimizer), _Optimizer),
    (lambda thing: isinstance(thing, DataLoader), _Loader),
    (_is_other_loader, _Loader),
    (has_state, _Stateful),
)


def _tensors(state: Any) -> Iterator[tuple[str, torch.Tensor]]:
    leaves: Iterator[tuple[str, Leaf]] = walk(state)
    return ((path, leaf) for path, leaf in leaves if isinstance(leaf, torch.Tensor))


def _plain(state: Any) -> Any:
    """Return a state with plain dicts, as a checkpoint gives them back."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    if type(state) in (list, tuple):
        return type(state)(map(_plain, state))
    return state


def _form(tensor: torch.Tensor) -> str:
    return f"{tensor.dtype}{list(tensor.shape)}"
