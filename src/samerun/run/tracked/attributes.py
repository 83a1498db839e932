"""What a module keeps in plain attributes, beside its parameters and buffers: counters, means, hidden states."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from samerun.run.tracked.stateful import form
from samerun.state import fingerprint

__all__ = ["Attributes"]

_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
# Of every module, such as its hooks.
_COMMON = frozenset(vars(nn.Module()))
_DEPTH = 8


class Attributes:
    """The plain attributes of a module and its parts that are not what they were when this was made.

    So a constant of the script, such as the rate of a dropout, is the script's, and a counter is the run's.

    What is captured: ``None``, bools, numbers, strings, bytes, dense tensors, arrays, and lists, tuples and dicts of
    them. What is not: objects of other classes, parameters and buffers under a second name, and the attributes of the
    classes of torch itself, which keep what counts in buffers.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._before = {name: fingerprint(value) for name, value in self._values()}

    def state(self) -> dict[str, Any]:
        """Return those that have changed, by path."""
        return {name: value for name, value in self._values() if self._before.get(name) != fingerprint(value)}

    def load(self, state: dict[str, Any]) -> None:
        """Set attributes to saved values; a tensor of the same shape is written to, as others may hold it."""
        device = next((parameter.device for parameter in self._module.parameters()), None)
        for path, value in state.items():
            owner, _, name = path.rpartition(".")
            attributes = vars(self._module.get_submodule(owner))
            ours = attributes.get(name)
            if type(ours) is torch.Tensor and type(value) is torch.Tensor and form(ours) == form(value):
                ours.data.copy_(value)
            else:
                attributes[name] = _copied(value, ours.device if type(ours) is torch.Tensor else device)

    def _values(self) -> Iterator[tuple[str, Any]]:
        kept = {*self._module.parameters(), *self._module.buffers()}
        storages = {tensor.untyped_storage().data_ptr() for tensor in kept if _is_dense(tensor)}
        for path, part in self._module.named_modules():
            if type(part).__module__.partition(".")[0] == "torch":
                continue
            for name, value in vars(part).items():
                if name not in _COMMON and _is_plain(value, storages):
                    yield f"{path}.{name}" if path else name, _detached(value)


def _is_plain(value: Any, storages: Set[int], depth: int = _DEPTH) -> bool:
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is torch.Tensor:
        return _is_dense(value) and (value.numel() == 0 or value.untyped_storage().data_ptr() not in storages)
    if kind is np.ndarray:
        return value.dtype.kind in "biufc" and value.dtype.isnative
    if depth and kind is dict:
        keys, inner = all(type(key) in (str, int) for key in value), value.values()
    else:
        keys, inner = depth > 0 and kind in (list, tuple), value if kind in (list, tuple) else ()
    return keys and all(_is_plain(item, storages, depth - 1) for item in inner)


def _is_dense(tensor: torch.Tensor) -> bool:
    special = is_lazy(tensor) or tensor.is_quantized or tensor.is_meta
    return tensor.layout is torch.strided and not special


def _detached(value: Any) -> Any:
    if type(value) is torch.Tensor:
        return value.detach()
    if type(value) is dict:
        return {key: _detached(item) for key, item in value.items()}
    return type(value)(map(_detached, value)) if type(value) in (list, tuple) else value


def _copied(value: Any, device: torch.device | None) -> Any:
    if type(value) is torch.Tensor:
        return value.to(device, copy=True)
    if type(value) is dict:
        return {key: _copied(item, device) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_copied(item, device) for item in value)
    return value.copy() if type(value) is np.ndarray else value
