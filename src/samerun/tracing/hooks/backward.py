"""Backward passes, which ``Tensor.backward`` and the frameworks all begin by ``torch.autograd.backward``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook it; a pass inside another one, as of a checkpointed block, is part of that."""

    def before(tensors: Any, *_: Any, **__: Any) -> None:
        if torch._C._current_graph_task_id() == -1:
            roots = (tensors,) if isinstance(tensors, torch.Tensor) else tuple(tensors)
            recorder.loss([root for root in roots if isinstance(root, torch.Tensor)])

    patches.watch(torch.autograd, "backward", before)
