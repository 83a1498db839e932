"""The line of the user's code that a call came from, as notes name it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

from samerun.tracing.sites import file_of, is_user_code, user_frames

__all__ = ["call_site"]

_OURS = str(Path(__file__).parent.parent)


def call_site(depth: int = 1) -> dict[str, Any]:
    """Return ``file``, ``line`` and ``function`` of the nearest line of the user's code above the caller.

    ``via`` is the library's function that this line called, if there is one in between, such as
    ``lightning.fabric.utilities.seed.seed_everything``. Without any user's code above, the place is the innermost one
    that is not samerun's.

    Args:
        depth: how many callers to pass over.
    """
    first = _outside(sys._getframe(depth))
    frame = next(user_frames(first), None)
    if frame is None:
        return {} if first is None else _place(first)
    place = _place(frame)
    if (below := _called_by(first, frame)) is not None:
        place["via"] = f"{below.f_globals.get('__name__', '?')}.{below.f_code.co_name}"
    return place


def is_from_user(depth: int = 1) -> bool:
    """Return whether the caller's caller is the user's own code, past the functions of Python's library."""
    frame = _outside(sys._getframe(depth))
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in sys.stdlib_module_names:
        if is_user_code(frame.f_code):
            return True
        frame = frame.f_back
    return frame is not None and is_user_code(frame.f_code)


def _outside(frame: FrameType | None) -> FrameType | None:
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def _called_by(first: FrameType | None, frame: FrameType) -> FrameType | None:
    below = None
    while first is not None and first is not frame:
        if not first.f_code.co_filename.startswith(_OURS):
            below = first
        first = first.f_back
    return below


def _place(frame: FrameType) -> dict[str, Any]:
    return {"file": file_of(frame.f_code), "line": frame.f_lineno, "function": frame.f_code.co_qualname}
