"""Which module is being called, by a path that is the same in every run."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.compiler import is_compiling
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils.hooks import RemovableHandle

__all__ = ["ModuleCalls"]

# What torch.compile puts around a module: its insides are named as without it.
_COMPILED = "_orig_mod"
_WARNED = r"Using `torch\.compile\(module\)` when there are global hooks"


class ModuleCalls:
    """Follows the calls of all modules while it is entered.

    The outermost module is named by its class (the second one of a class that has parameters is ``Net#2``), those
    inside by their attributes: ``Net.encoder.0``. A module in several places has the first of its paths, and one that
    is made during a call that of the caller: ``Net.<ReLU>``.

    Under ``torch.compile`` only the outermost call is seen: what is inside is one compiled function.

    Args:
        returned: called with the path and the output of each call when it ends.
    """

    def __init__(self, returned: Callable[[str, Any], None] | None = None) -> None:
        self._returned = returned
        self._stack: list[tuple[nn.Module, str]] = []
        self._paths: dict[int, tuple[weakref.ref[nn.Module], str]] = {}
        self._numbers: dict[str, int] = {}
        self._handles: list[RemovableHandle] = []
        self._filter: object = None

    @property
    def path(self) -> str:
        """The path of the innermost module being called; empty outside of all."""
        return self._stack[-1][1] if self._stack else ""

    def __enter__(self) -> ModuleCalls:
        # torch warns where a compiled module meets such hooks, and a warning may be an error in somebody's run.
        warnings.filterwarnings("ignore", _WARNED, UserWarning)
        self._filter = warnings.filters[0]
        self._handles = [
            register_module_forward_pre_hook(self._begin),
            register_module_forward_hook(self._end, always_call=True),
        ]
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()
        if self._filter in warnings.filters:
            warnings.filters.remove(self._filter)  # type: ignore[attr-defined]  # a list, in spite of its annotation
        self._stack.clear()

    def _begin(self, module: nn.Module, inputs: Any) -> None:
        if is_compiling():  # a compiler finds nothing to compile here
            return
        self._stack.append((module, self._path(module)))

    def _end(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if is_compiling():
            return
        if not any(entered is module for entered, _ in self._stack):  # entered before we were
            return
        entered, path = self._stack.pop()
        while entered is not module:  # a call that another hook cut short left its entry
            entered, path = self._stack.pop()
        if self._returned is not None:
            self._returned(path, output)

    def _path(self, module: nn.Module) -> str:
        if (known := self._known(module)) is not None:
            return known
        if self._stack:
            return f"{self.path}.<{type(module).__name__}>"
        root = self._root(module)
        for path, inner in nn.Module.named_modules(module):
            if self._known(inner) is None:
                names = [root, *(name for name in path.split(".") if name and name != _COMPILED)]
                self._paths[id(inner)] = weakref.ref(inner), ".".join(names)
        found = self._known(module)
        return root if found is None else found

    def _known(self, module: nn.Module) -> str | None:
        reference, path = self._paths.get(id(module), (None, ""))
        return path if reference is not None and reference() is module else None

    def _root(self, module: nn.Module) -> str:
        name = type(module._modules.get(_COMPILED) or module).__name__
        if next(nn.Module.parameters(module), None) is None:  # such as a loss, made anew for each step
            return name
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        return name if number == 1 else f"{name}#{number}"
