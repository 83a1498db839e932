"""What ``torch.compile`` must leave alone: the recorder is Python that watches, no part of the training."""

from __future__ import annotations

import sys
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import torch

from samerun import tracing

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]

# The hooks of modules are compiled along, into nothing: skipping them would cut the function in two.
_COMPILED = "structure"


def install(_: Recorder, patches: Patches) -> None:
    """Have the compiler skip the recorder's frames, once it is there; loading it takes a second."""
    told = list[bool]()

    def skip(*__: Any, **___: Any) -> None:
        rules = sys.modules.get("torch._dynamo.trace_rules")
        if rules is not None and not told:
            told.append(True)
            for module in iter_modules(tracing.__path__, f"{tracing.__name__}."):
                if not module.name.endswith(f".{_COMPILED}"):
                    rules.add(module.name)

    skip()
    patches.watch(torch, "compile", after=skip)
