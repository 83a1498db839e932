"""The order in which the user's code is given the files of a directory, which no file system promises."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128_hexdigest

from samerun.tracing.callsite import call_site, is_from_user

if TYPE_CHECKING:
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook ``os.listdir`` and ``os.scandir``, which ``glob``, ``os.walk`` and ``pathlib`` call.

    Recorded are calls of the user's own code, and of Python's library for it, once for each place, directory and order.
    """
    listdir, seen = os.listdir, set[tuple[Any, ...]]()

    def tell(path: Any, names: list[Any]) -> None:
        place, order, directory = call_site(), _digest(names), _absolute(path)
        key = (directory, order, place.get("file"), place.get("line"))
        if key not in seen:
            seen.add(key)
            found = {"path": directory, "digest": order, "sorted": _digest(sorted(names)), "count": len(names)}
            recorder.note("listdir", {**found, "place": place})

    def listed(_: Any, names: list[Any], path: Any = None) -> None:
        if is_from_user():
            tell(path, names)

    # What scandir gives can be read once; the directory is listed a second time, which gives the same order.
    def scanned(_: Any, __: Any, path: Any = None) -> None:
        if is_from_user():
            tell(path, listdir(path))

    patches.watch(os, "listdir", after=listed)
    patches.watch(os, "scandir", after=scanned)


def _absolute(path: Any) -> str:
    return f"descriptor {path}" if isinstance(path, int) else str(Path(os.fsdecode(path or ".")).absolute())


def _digest(names: list[Any]) -> str:
    return xxh3_128_hexdigest(b"\0".join(os.fsencode(name) for name in names))
