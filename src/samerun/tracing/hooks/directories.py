"""The order in which the user's code is given the files of a directory, which no file system promises."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128_hexdigest

from samerun.tracing.callsite import call_site, is_from_user

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook ``os.listdir`` and ``os.scandir``, which ``glob``, ``os.walk`` and ``pathlib`` call.

    Recorded are calls of the user's own code and of Python's library on its behalf, each once: place, directory and order.
    """
    listdir, seen = os.listdir, set[tuple[Any, ...]]()

    def told(path: Any, names: list[Any]) -> None:
        place = call_site()
        order = _digest(names)
        key = (os.fspath(path) if not isinstance(path, int) else path, order, place.get("file"), place.get("line"))
        if key in seen:
            return
        seen.add(key)
        found = {
            "directory": os.path.abspath(os.fsdecode(key[0])) if not isinstance(path, int) else f"descriptor {path}"
        }  # noqa: PTH100
        recorder.note(
            "listdir", {**found, "order": order, "names": _digest(sorted(names)), "count": len(names), **place}
        )

    def listed(_: Any, names: list[Any], path: Any = ".") -> None:
        if is_from_user():
            told("." if path is None else path, names)

    # What scandir gives can be read once; the directory is listed a second time, which gives the same order.
    def scanned(_: Any, __: Any, path: Any = ".") -> None:
        if is_from_user():
            told("." if path is None else path, listdir("." if path is None else path))

    patches.watch(os, "listdir", after=listed)
    patches.watch(os, "scandir", after=scanned)


def _digest(names: list[Any]) -> str:
    return xxh3_128_hexdigest(b"\0".join(os.fsencode(name) for name in names))
