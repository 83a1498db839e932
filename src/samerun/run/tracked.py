"""What a run keeps: anything with a state, and generators; compared with a checkpoint before anything is loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, ClassVar, TypeAlias

import torch
from torch import nn
from torch.nn.parameter import is_lazy

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

#: What a state must be made of: the type of each part, by its key.
Parts: TypeAlias = "dict[str, type] | None"


class Tracked(ABC):
    """One thing that is kept under a name."""

    #: Loaded after everything else but the generators.
    is_position = False

    #: Whether the state may hold where an iteration is.
    has_place = True

    #: What its state, a dict, is made of; ``None`` for a state that only the thing itself knows.
    parts: ClassVar[Parts] = {}

    def __init__(self, name: str, thing: Any) -> None:
        self.name = name
        self.thing = thing

    @abstractmethod
    def state(self) -> Any:
        """Return its state."""

    def odd(self, state: Any) -> Iterator[Problem]:
        """Yield what a saved state has in place of the parts it must have."""
        if self.parts is None:
            return
        if not isinstance(state, dict):
            yield Problem(self.name, f"a {type(state).__name__}", "a dict")
            return
        for part, kind in self.parts.items():
            if part not in state or not isinstance(state[part], kind):
                found = f"a {type(state[part]).__name__}" if part in state else "nothing"
                yield Problem(f"{self.name}[{part!r}]", found, f"a {kind.__name__}")

    @abstractmethod
    def problems(self, state: Any) -> Iterator[Problem]:
        """Yield why a saved state that is not odd does not fit, without changing anything."""

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

    parts: ClassVar[Parts] = None

    def state(self) -> Any:
        return self.thing.state_dict()

    def problems(self, state: Any) -> Iterator[Problem]:
        ours = dict(_tensors(self.thing.state_dict()))
        for path, saved in _tensors(state):
            if path in ours and not _takes(ours[path], saved):
                yield Problem(f"{self.name}{path}", _form(saved), f"{_form(ours[path])} as it is here")

    def load(self, state: Any, *, exactly: bool) -> None:
        try:
            self.thing.load_state_dict(deepcopy(state))
        except Exception as error:
            what = f"{type(self.thing).__qualname__}.load_state_dict"
            reason = f"{what} raised {error!r} for the saved state; track the thing it was saved from under this name"
            raise RunError(self.name, reason) from error
        if exactly and (difference := first_difference(_plain(state), _plain(self.thing.state_dict()))):
            reason = (
                f"{type(self.thing).__qualname__}.load_state_dict did not take the saved state as it is: {difference};"
                f" it cannot go on exactly; pass waive=[{self.name!r}] to go on all the same"
            )
            raise RunError(self.name, reason)


class _Module(_Stateful):
    """A module: parameters, buffers, pending gradients, what is frozen, and which parts evaluate."""

    parts: ClassVar[Parts] = {"state": dict, "transient": dict, "gradients": dict, "frozen": list, "evaluating": list}

    def state(self) -> Any:
        parameters, state = dict(self.thing.named_parameters()), self.thing.state_dict()
        for name, found in {**parameters, **state}.items():
            if is_lazy(found):
                advice = "run the model once before the loop, with a batch of the right shape"
                raise StateError([Problem(f"{self.name}[{name!r}]", "a parameter that is lazy", "values", advice)])
        return {
            "state": state,
            "transient": {name: buffer for name, buffer in self._buffers() if name not in state},
            "gradients": {name: found.grad for name, found in parameters.items() if found.grad is not None},
            "frozen": [name for name, found in parameters.items() if not found.requires_grad],
            "evaluating": [name for name, part in self.thing.named_modules() if not part.training],
        }

    def problems(self, state: Any) -> Iterator[Problem]:
        ours, parts = self.thing.state_dict(), dict(self.thing.named_modules())
        for name in state["transient"]:
            if name.rpartition(".")[0] not in parts:
                yield Problem(f"{self.name}[{name!r}]", "a buffer in the checkpoint", "one of a part the module has")
        for key in state["state"].keys() - ours.keys():
            yield Problem(f"{self.name}[{key!r}]", "a value in the checkpoint", "none, as the module has none here")
        for key in ours.keys() - state["state"].keys():
            yield Problem(f"{self.name}[{key!r}]", "nothing in the checkpoint", "a value, as the module has one here")
        yield from super().problems(state["state"])

    def load(self, state: Any, *, exactly: bool) -> None:
        saved = state["state"]
        if not exactly:
            ours = self.thing.state_dict()
            saved = {key: value for key, value in saved.items() if key in ours and _takes(ours[key], value)}
            self.thing.load_state_dict(saved, strict=False)
            return
        super().load(saved, exactly=True)
        self._load_transient(state["transient"])
        for name, parameter in self.thing.named_parameters():
            gradient = state["gradients"].get(name)
            parameter.requires_grad_(name not in state["frozen"])
            parameter.grad = None if gradient is None else gradient.to(parameter.device, copy=True)
        for name, part in self.thing.named_modules():
            part.training = name not in state["evaluating"]

    def _buffers(self) -> Iterator[tuple[str, torch.Tensor]]:
        found: Iterator[tuple[str, torch.Tensor]] = self.thing.named_buffers(remove_duplicate=False)
        return found

    def _load_transient(self, saved: dict[str, torch.Tensor]) -> None:
        """Put back the buffers that are not persistent, which a module may make, replace and drop as it likes."""
        persistent = self.thing.state_dict()
        ours = {name: buffer for name, buffer in self._buffers() if name not in persistent}
        for name, buffer in ours.items():
            if name not in saved:
                self._register(name, None)
            elif is_lazy(buffer) or _form(buffer) != _form(saved[name]):
                self._register(name, saved[name].to(buffer.device, copy=True))
            elif first_difference(buffer, saved[name]):  # most are constants, which may be stored in some special way
                buffer.data.copy_(saved[name])
        device = next((parameter.device for parameter in self.thing.parameters()), None)
        for name in saved.keys() - ours.keys():
            self._register(name, saved[name].to(device, copy=True))

    def _register(self, name: str, buffer: torch.Tensor | None) -> None:
        owner, _, leaf = name.rpartition(".")
        self.thing.get_submodule(owner).register_buffer(leaf, buffer, persistent=False)


class _Optimizer(_Stateful):
    """An optimizer, whose groups of parameters must be as many and as large as they were."""

    parts: ClassVar[Parts] = {"state": dict, "param_groups": list}

    def problems(self, state: Any) -> Iterator[Problem]:
        found, ours = (
            [len(group["params"]) for group in each["param_groups"]] for each in (state, self.thing.state_dict())
        )
        if found != ours:
            yield Problem(f"{self.name}['param_groups']", f"groups of {found} parameters", f"groups of {ours}")
        yield from super().problems(state)

    def load(self, state: Any, *, exactly: bool) -> None:
        if not exactly:
            groups = [group["params"] for group in self.thing.param_groups]
            if list(map(len, groups)) != [len(group["params"]) for group in state["param_groups"]]:
                return  # nothing of it fits
            parameters = dict(enumerate(parameter for group in groups for parameter in group))
            kept = {key: found for key, found in state["state"].items() if _belongs(found, parameters.get(key))}
            state = {**state, "state": kept}
        super().load(state, exactly=exactly)


class _Loader(Tracked):
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


class _OtherLoader(Tracked):
    """A loader of somebody else, with its state, whether a pass was begun, and whether the last was left inside.

    Such a loader may draw seeds from the global generators when it is asked for its state or begins a pass, and another
    number of them after it was resumed: so it draws them from a stream of its own. Before its first pass that is always
    the same one, because asking for the state may begin the pass already.
    """

    is_position = True
    parts: ClassVar[Parts] = {"state": object, "begun": bool, "left": bool}

    def __init__(self, name: str, thing: Any) -> None:
        super().__init__(name, thing)
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


class _Generators(Tracked):
    """A generator, or an object with generators inside."""

    has_place = False

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
    (_is_other_loader, _OtherLoader),
    (has_state, _Stateful),
)


def _belongs(state: dict[str, Any], parameter: torch.Tensor | None) -> bool:
    """Return whether an optimizer's state may be that of a parameter: no tensor in it has another shape."""
    return parameter is not None and all(
        found.dim() != parameter.dim() or found.shape == parameter.shape for _, found in _tensors(state)
    )


def _takes(ours: torch.Tensor, saved: torch.Tensor) -> bool:
    """Return whether a tensor can take the values of another; a lazy parameter takes any."""
    return is_lazy(ours) or _form(ours) == _form(saved)


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
