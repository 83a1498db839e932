"""What ``torch.compile`` must leave alone: the recorder is Python that watches, no part of the training."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]

# Names of modules whose frames are skipped.
_OURS = "samerun.tracing"


def install(_: Recorder, patches: Patches) -> None:
    """Have the compiler skip the recorder's frames, once it is there; loading it takes a second."""
    told = list[bool]()

    def skip(*__: Any, **___: Any) -> None:
        rules = sys.modules.get("torch._dynamo.trace_rules")
        if rules is not None and not told:
            told.append(True)
            rules.add(_OURS)

    skip()
    patches.watch(torch, "compile", after=skip)
