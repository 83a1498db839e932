"""Where a recorder is called from: a module for each thing that is hooked, with ``install(recorder, patches)``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from samerun.tracing.hooks.patches import Patches

if TYPE_CHECKING:
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]

# A new thing to hook is a module of this name.
_HOOKS = ("loader", "backward", "optimizer", "scaler", "seeding", "states", "directories", "compiling")


def install(recorder: Recorder) -> Patches:
    """Put every hook in its place; :meth:`Patches.undo` of what is returned takes them off."""
    patches = Patches()
    try:
        for name in _HOOKS:
            import_module(f"{__name__}.{name}").install(recorder, patches)
    except BaseException:
        patches.undo()
        raise
    return patches
