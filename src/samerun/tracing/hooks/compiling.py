"""What ``torch.compile`` must leave alone: the recorder is Python that watches, no part of the training."""

from __future__ import annotations

import sys
from functools import cache
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
    """Have the compiler skip the recorder's frames, once it is there; loading it takes a second.

    It goes on to do so after the recording, where they are not there to be skipped.
    """

    def skip(*__: Any, **___: Any) -> None:
        if (rules := sys.modules.get("torch._dynamo.trace_rules")) is not None:
            _skip(rules)

    skip()
    patches.watch(torch, "compile", after=skip)


@cache  # each rule has the compiler read all of them anew
def _skip(rules: Any) -> None:
    for module in iter_modules(tracing.__path__, f"{tracing.__name__}."):
        if not module.name.endswith(f".{_COMPILED}"):
            rules.add(module.name)
