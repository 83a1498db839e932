"""The line of the user's code that a call came from."""

from __future__ import annotations

import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TypedDict

import samerun

__all__ = ["Site", "call_site", "is_user_file"]

_OURS = str(Path(samerun.__file__).parent)
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
# Names of frames without a file that are no cells and no code typed in.
_MACHINERY = ("<frozen", "<string>", "<__array_function__", "<eval_with_key>", "<attrs", "<torch")


class Site(TypedDict, total=False):
    """A place in the user's code: absolute file, line, function; and the library's function it called, if another."""

    file: str
    line: int
    function: str
    via: str


def call_site(depth: int = 1) -> Site:
    """Return the nearest line of the user's code above the caller, or what is nearest to it.

    Libraries, that is what is installed or belongs to Python, samerun and generated code are passed over; ``via`` names
    the outermost of their functions, such as ``pytorch_lightning.seed_everything``. Without any user's code above, the
    place is the innermost one that is not samerun's.

    Args:
        depth: how many callers to pass over.
    """
    first = frame = _outside(sys._getframe(depth))
    above: FrameType | None = None
    while frame is not None and not is_user_file(frame.f_code.co_filename):
        frame, above = frame.f_back, frame
    if frame is None:
        return _site(first) if first is not None else {}
    site = _site(frame)
    if above is not None:
        site["via"] = f"{above.f_globals.get('__name__', '?')}.{above.f_code.co_name}"
    return site


def _outside(frame: FrameType | None) -> FrameType | None:
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def _site(frame: FrameType) -> Site:
    return {"file": frame.f_code.co_filename, "line": frame.f_lineno, "function": frame.f_code.co_qualname}


@cache
def is_user_file(name: str) -> bool:
    """Return whether code of this file name is the user's: neither Python's, nor installed, nor samerun's."""
    return not name.startswith((*_MACHINERY, *_LIBRARIES, _OURS))
