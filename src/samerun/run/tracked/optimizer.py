"""An optimizer, with the parameters that belong to no module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import torch

from samerun.errors import Problem
from samerun.run.tracked.base import Parts, Tracked
from samerun.run.tracked.module import gradients
from samerun.run.tracked.stateful import load_own, misfits, tensors

__all__ = ["Optimizer"]


class Optimizer(Tracked):
    """An optimizer, whose groups of parameters must be as many and as large as they were.

    Parameters that no tracked module has, such as a learned temperature, are kept here: under ``loose`` their values,
    by their number among all, and their pending gradients.
    """

    parts: ClassVar[Parts] = {"state": dict, "param_groups": list, "loose": dict, "gradients": dict}

    def state(self) -> Any:
        loose = {key: found for key, found in self._parameters().items() if id(found) not in self.owned}
        own = {"loose": {key: found.detach() for key, found in loose.items()}, "gradients": gradients(self.name, loose)}
        return {**self.thing.state_dict(), **own}

    def problems(self, state: Any) -> Iterator[Problem]:
        found, ours = (
            [len(group["params"]) for group in each["param_groups"]] for each in (state, self.thing.state_dict())
        )
        if found != ours:
            yield Problem(f"{self.name}['param_groups']", f"groups of {found} parameters", f"groups of {ours}")
            return
        yield from misfits(self.name, self.thing.state_dict(), self._own(state))
        yield from misfits(f"{self.name}['loose']", self._parameters(), state["loose"])

    def load(self, state: Any, *, exactly: bool) -> None:
        own, parameters = self._own(state), self._parameters()
        if not exactly:
            groups = [len(group["params"]) for group in self.thing.param_groups]
            if groups != [len(group["params"]) for group in state["param_groups"]]:
                return  # nothing of it fits
            own["state"] = {key: found for key, found in own["state"].items() if _belongs(found, parameters.get(key))}
        load_own(self.name, self.thing, own, exactly=exactly)
        for key, value in state["loose"].items() if exactly else ():
            parameter, gradient = parameters[key], state["gradients"].get(key)
            parameter.data.copy_(value)
            parameter.grad = None if gradient is None else gradient.to(parameter.device, copy=True)

    def _parameters(self) -> dict[int, torch.Tensor]:
        return dict(enumerate(parameter for group in self.thing.param_groups for parameter in group["params"]))

    def _own(self, state: Any) -> dict[str, Any]:
        return {key: found for key, found in state.items() if key not in ("loose", "gradients")}


def _belongs(state: dict[str, Any], parameter: torch.Tensor | None) -> bool:
    """Return whether an optimizer's state may be that of a parameter: no tensor in it has another shape."""
    return parameter is not None and all(
        found.dim() != parameter.dim() or found.shape == parameter.shape for _, found in tensors(state)
    )
