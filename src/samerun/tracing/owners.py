"""Which modules the tensors of an optimizer belong to, found without asking the script for its model."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from samerun.tracing.fingerprint import layout_of

__all__ = ["Owners", "alive"]

# What torch.compile puts around a module: what is inside is named as without it.
_COMPILED = "_orig_mod"
# Settings of modules that are written down; a longer text is no setting.
_SETTINGS, _LONG = (bool, int, float, str, type(None), tuple), 100


class Owners:
    """The outermost modules that hold some of the given parameters, in the order of these.

    Args:
        parameters: of an optimizer.
        alive: what :func:`alive` gave.

    Attributes:
        names: of each parameter, such as ``encoder.0.weight``; ``param[3]`` for one that no module holds. Where there
            are several outermost modules, the name begins with the class: ``Generator.0.weight``.
        modules: path and module of all of them.
    """

    def __init__(self, parameters: Sequence[torch.Tensor], alive: Sequence[nn.Module]) -> None:
        roots = _roots(parameters, alive)
        walks = [list(_walk(root, f"{type(root).__name__}." if len(roots) > 1 else "")) for root in roots]
        self.modules = [pair for walk in walks for pair in walk]
        found: dict[int, str] = {}
        for path, module in self.modules:
            for name, parameter in module._parameters.items():
                if parameter is not None:
                    found.setdefault(id(parameter), _joined(path, name))
        self.names = [found.get(id(parameter), f"param[{at}]") for at, parameter in enumerate(parameters)]

    def buffers(self) -> Buffers:
        """Return their buffers."""
        return Buffers([(path, module) for path, module in self.modules if module._buffers])

    def described(self) -> dict[str, Any]:
        """Return classes, settings, parameters and buffers by path, as JSON values."""
        return {
            "modules": {path: _class_name(module) for path, module in self.modules},
            "settings": {path: found for path, module in self.modules if (found := _settings(module))},
            "training": all(module.training for _, module in self.modules),
            "parameters": [
                [_joined(path, name), *layout_of(parameter)]
                for path, module in self.modules
                for name, parameter in module._parameters.items()
                if parameter is not None
            ],
        }


class Buffers:
    """The buffers of modules, which are not kept alive."""

    def __init__(self, modules: Sequence[tuple[str, nn.Module]]) -> None:
        self._modules = [(path, weakref.ref(module)) for path, module in modules]

    def named(self) -> list[tuple[str, torch.Tensor]]:
        """Return those that there are now, by name."""
        return [
            (_joined(path, name), buffer)
            for path, reference in self._modules
            if (module := reference()) is not None
            for name, buffer in module._buffers.items()
            if buffer is not None
        ]


def _roots(parameters: Sequence[torch.Tensor], alive: Sequence[nn.Module]) -> list[nn.Module]:
    children = {id(child) for module in alive for child in module._modules.values() if child is not None}
    places = {id(parameter): at for at, parameter in enumerate(parameters)}
    found: list[tuple[int, nn.Module]] = []
    for module in alive:
        if id(module) not in children:
            held = [at for _, inner in _walk(module, "") for at in _held(inner, places)]
            found += [(min(held), module)] if held else []
    return [module for _, module in sorted(found, key=lambda pair: pair[0])]


def _held(module: nn.Module, places: dict[int, int]) -> Iterator[int]:
    return (places[id(parameter)] for parameter in module._parameters.values() if id(parameter) in places)


def alive() -> list[nn.Module]:
    """Return all modules that there are; takes 0.1 s for a million objects."""
    objects = gc.get_objects()
    kinds = {kind for kind in set(map(type, objects)) if issubclass(kind, nn.Module)}
    # One that is being made has no _modules yet.
    return [thing for thing in objects if type(thing) in kinds and "_modules" in vars(thing)]


def _walk(module: nn.Module, path: str, seen: set[int] | None = None) -> Iterator[tuple[str, nn.Module]]:
    """Yield a module and those inside, by path, each once; like ``named_modules``, which a class may override."""
    seen = set() if seen is None else seen
    if id(module) in seen:
        return
    seen.add(id(module))
    yield path.removesuffix("."), module
    for name, child in module._modules.items():
        if child is not None:
            yield from _walk(child, path if name == _COMPILED else f"{path}{name}.", seen)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _class_name(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"


def _settings(module: nn.Module) -> dict[str, Any]:
    """Return what a module was made with, as far as it keeps it in plain attributes: ``{"p": 0.1}``."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and name != "training" and type(value) in _SETTINGS and len(repr(value)) <= _LONG
    }
