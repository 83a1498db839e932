"""An optimizer, with the parameters that belong to no module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch

from samerun.errors import Problem
from samerun.run.tracked.attributes import Attributes
from samerun.run.tracked.base import Parts, Tracked
from samerun.run.tracked.generators import Inside
from samerun.run.tracked.module import gradients
from samerun.run.tracked.stateful import fits, load_own, misfits, tensors
from samerun.state import fingerprint

__all__ = ["Optimizer"]

# What is kept beside the state of the optimizer's own.
_BESIDE = ("loose", "gradients", "frozen", "attributes", "generators")


class Optimizer(Tracked):
    """An optimizer, whose groups of parameters must be as many and as large as they were.

    Parameters that no tracked module has, such as a learned temperature, are kept here: under ``loose`` their values,
    by their number among all, with their pending gradients and which are frozen. One that is frozen and was never
    changed is the script's.
    """

    parts: ClassVar[Parts] = {
        "state": dict,
        "param_groups": list,
        "loose": dict,
        "gradients": dict,
        "frozen": list,
        "attributes": dict,
        "generators": dict,
    }

    def __init__(self, name: str, thing: Any) -> None:
        super().__init__(name, thing)
        self._attributes = Attributes(thing, lambda: [("", thing)], self._kept)
        self._inside = Inside(name, thing)
        self._frozen = {key: fingerprint(found) for key, found in self._parameters().items() if not found.requires_grad}

    def state(self) -> Any:
        loose = {key: found for key, found in self._parameters().items() if id(found) not in self.owned}
        loose = {key: found for key, found in loose.items() if not self._is_constant(key, found)}
        return {
            **self.thing.state_dict(),
            "loose": {key: found.detach() for key, found in loose.items()},
            "gradients": gradients(self.name, loose),
            "frozen": [key for key, found in loose.items() if not found.requires_grad],
            "attributes": self._attributes.state(),
            "generators": self._inside.state(),
        }

    def problems(self, state: Any) -> Iterator[Problem]:
        found, ours = (
            [len(group["params"]) for group in each["param_groups"]] for each in (state, self.thing.state_dict())
        )
        if found != ours:
            yield Problem(f"{self.name}['param_groups']", f"groups of {found} parameters", f"groups of {ours}")
            return
        yield from misfits(self.name, self.thing.state_dict(), self._own(state))
        yield from misfits(f"{self.name}['loose']", self._parameters(), state["loose"])
        yield from self._attributes.problems(self.name, state["attributes"])
        yield from self._inside.problems(state["generators"])

    def load(self, state: Any, *, exactly: bool) -> None:
        own, parameters = self._own(state), self._parameters()
        if not exactly:
            groups = [len(group["params"]) for group in self.thing.param_groups]
            if groups != [len(group["params"]) for group in state["param_groups"]]:
                return  # nothing of it fits
            own["state"] = {key: found for key, found in own["state"].items() if _belongs(found, parameters.get(key))}
        load_own(self.name, self.thing, own, exactly=exactly)
        for key, value in state["loose"].items():
            if exactly or fits(parameters[key], value):
                gradient = state["gradients"].get(key)
                parameters[key].data.copy_(value)
                parameters[key].requires_grad_(key not in state["frozen"])
                parameters[key].grad = None if gradient is None else gradient.to(parameters[key].device, copy=True)
        if exactly:
            self._attributes.load(state["attributes"])
            self._inside.load(state["generators"], exactly=True)

    def _parameters(self) -> dict[int, torch.Tensor]:
        return dict(enumerate(parameter for group in self.thing.param_groups for parameter in group["params"]))

    def _own(self, state: Any) -> dict[str, Any]:
        return {key: found for key, found in state.items() if key not in _BESIDE}

    def _is_constant(self, key: int, parameter: torch.Tensor) -> bool:
        return not parameter.requires_grad and self._frozen.get(key) == fingerprint(parameter)

    def _kept(self) -> Iterator[torch.Tensor]:
        yield from self._parameters().values()
        yield from (found for _, found in tensors(self.thing.state_dict()))


def _belongs(state: dict[str, Any], parameter: torch.Tensor | None) -> bool:
    """Return whether an optimizer's state may be that of a parameter: no tensor in it has another shape."""
    return parameter is not None and all(
        found.dim() != parameter.dim() or found.shape == parameter.shape for _, found in tensors(state)
    )
