"""A module: what it knows, what it has begun, and what it keeps beside its state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch.nn.parameter import is_lazy

from samerun.errors import Problem, StateError
from samerun.run.tracked.attributes import Attributes
from samerun.run.tracked.base import Parts, Tracked
from samerun.run.tracked.generators import Inside
from samerun.run.tracked.stateful import fits, form, load_own, misfits
from samerun.state import first_difference

__all__ = ["Module", "gradients"]


class Module(Tracked):
    """A module: parameters, buffers, pending gradients, what is frozen, which parts evaluate, and what is beside.

    Beside are the generators inside, and plain attributes that have changed.
    """

    parts: ClassVar[Parts] = {
        "state": dict,
        "transient": dict,
        "gradients": dict,
        "frozen": list,
        "evaluating": list,
        "attributes": dict,
        "generators": dict,
    }

    def __init__(self, name: str, thing: Any) -> None:
        super().__init__(name, thing)
        self._attributes = Attributes(thing, thing.named_modules, self._kept)
        self._inside = Inside(name, thing)

    def state(self) -> Any:
        parameters, state = dict(self.thing.named_parameters()), self.thing.state_dict()
        for name, found in {**parameters, **state}.items():
            if is_lazy(found):
                advice = "run the model once before the loop, with a batch of the right shape"
                raise StateError([Problem(f"{self.name}[{name!r}]", "a parameter that is lazy", "values", advice)])
        return {
            "state": state,
            "transient": {name: buffer for name, buffer in self._buffers() if name not in state},
            "gradients": gradients(self.name, parameters),
            "frozen": [name for name, found in parameters.items() if not found.requires_grad],
            "evaluating": [name for name, part in self.thing.named_modules() if not part.training],
            "attributes": self._attributes.state(),
            "generators": self._inside.state(),
        }

    def problems(self, state: Any) -> Iterator[Problem]:
        ours, parts = self.thing.state_dict(), dict(self.thing.named_modules())
        for name in state["transient"]:
            if name.rpartition(".")[0] not in parts:
                yield Problem(f"{self.name}[{name!r}]", "a buffer in the checkpoint", "one of a part the module has")
        yield from self._attributes.problems(self.name, state["attributes"])
        for key in state["state"].keys() - ours.keys():
            yield Problem(f"{self.name}[{key!r}]", "a value in the checkpoint", "none, as the module has none here")
        for key in ours.keys() - state["state"].keys():
            yield Problem(f"{self.name}[{key!r}]", "nothing in the checkpoint", "a value, as the module has one here")
        yield from misfits(self.name, ours, state["state"])
        yield from self._inside.problems(state["generators"])

    def load(self, state: Any, *, exactly: bool) -> None:
        saved = state["state"]
        if not exactly:
            ours = self.thing.state_dict()
            saved = {key: value for key, value in saved.items() if key in ours and fits(ours[key], value)}
            self.thing.load_state_dict(saved, strict=False)
            return
        load_own(self.name, self.thing, saved, exactly=True)
        self._load_transient(state["transient"])
        for name, parameter in self.thing.named_parameters():
            gradient = state["gradients"].get(name)
            parameter.requires_grad_(name not in state["frozen"])
            parameter.grad = None if gradient is None else gradient.to(parameter.device, copy=True)
        for name, part in self.thing.named_modules():
            part.training = name not in state["evaluating"]
        self._attributes.load(state["attributes"])
        self._inside.load(state["generators"], exactly=True)

    def _kept(self) -> Iterator[torch.Tensor]:
        yield from self.thing.parameters()
        yield from self.thing.buffers()

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
            elif is_lazy(buffer) or form(buffer) != form(saved[name]):
                self._register(name, saved[name].to(buffer.device, copy=True))
            elif first_difference(buffer, saved[name]):  # most are constants, which may be stored in some special way
                buffer.data.copy_(saved[name])
        device = next((parameter.device for parameter in self.thing.parameters()), None)
        for name in saved.keys() - ours.keys():
            self._register(name, saved[name].to(device, copy=True))

    def _register(self, name: str, buffer: torch.Tensor | None) -> None:
        owner, _, leaf = name.rpartition(".")
        self.thing.get_submodule(owner).register_buffer(leaf, buffer, persistent=False)


def gradients(name: str, parameters: dict[Any, torch.Tensor]) -> dict[Any, torch.Tensor]:
    """Return the gradients that are pending, by the keys of their parameters.

    Raises:
        StateError: for a sparse one.
    """
    pending = {key: found.grad for key, found in parameters.items() if found.grad is not None}
    for key, gradient in pending.items():
        if gradient.layout is not torch.strided:
            advice = (
                "call optimizer.zero_grad() behind optimizer.step(), so that none is pending when it is saved, or make"
                " the nn.Embedding without sparse=True"
            )
            raise StateError([Problem(f"{name}[{key!r}].grad", "a sparse gradient", "a dense one", advice)])
    return pending
