"""Optimizer steps of every kind, by torch's own global hooks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook the beginning and the end of every step, and of the closures given to it."""

    def begins(optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return None
        # The first argument is the optimizer itself.
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if not callable(closure):
            recorder.step_begins(optimizer, None, sys._getframe(1))
            return None
        if not recorder.step_begins(optimizer, closure, sys._getframe(1)):
            return None

        def recorded() -> Any:
            loss = closure()
            recorder.closure_ended(optimizer)
            return loss

        if "closure" in kwargs:
            return args, {**kwargs, "closure": recorded}
        return (args[0], recorded, *args[2:]), kwargs

    def ended(optimizer: Optimizer, *_: Any) -> None:
        if not torch.compiler.is_compiling():
            recorder.step_ended(optimizer)

    def made(_: Any, __: Any, optimizer: Optimizer, *___: Any, **____: Any) -> None:
        recorder.optimizer_made(optimizer)

    patches.watch(Optimizer, "__init__", after=made)
    patches.call_at_end(register_optimizer_step_pre_hook(begins).remove)
    patches.call_at_end(register_optimizer_step_post_hook(ended).remove)
