"""Modules that get a parameter or a buffer, or are copies: there may be a new average of the weights, or a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn import Module

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook what each of them calls: ``register_parameter``, ``register_buffer``, and ``__setstate__`` of a copy."""

    def after(*_: Any, **__: Any) -> None:
        recorder.modules_made()

    for name in ("register_parameter", "register_buffer", "__setstate__"):
        patches.watch(Module, name, after=after)
