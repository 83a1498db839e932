"""The number of threads: which line set it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]

# A loader of samerun makes every item with one thread, and sets the number back.
_OURS = "samerun.data."


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook ``torch.set_num_threads``."""

    def after(*_: Any, **__: Any) -> None:
        caller = sys._getframe(2)  # behind the function in the place of torch's
        if not str(caller.f_globals.get("__name__")).startswith(_OURS):
            recorder.threads_set()

    patches.watch(torch, "set_num_threads", after=after)
