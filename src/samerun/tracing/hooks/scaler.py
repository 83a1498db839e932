"""Gradient scalers: the scale at each step, and the steps that were skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.amp import GradScaler

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook ``GradScaler.step``."""

    def before(scaler: Any, *_: Any, **__: Any) -> int | None:
        return recorder.scaler_steps(scaler) if scaler.is_enabled() else None

    def after(steps: int | None, _: Any, scaler: Any, *__: Any, **___: Any) -> None:
        if steps is not None:
            recorder.scaler_stepped(scaler, steps)

    patches.watch(GradScaler, "step", before, after)
