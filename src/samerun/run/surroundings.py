"""The environment of a run: recorded with every checkpoint, and compared when it is resumed."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, Literal, TypeAlias

from samerun.determinism import compare_environments, environment
from samerun.errors import RunError, SamerunWarning

__all__ = ["OnChange", "compare", "here"]

#: What a change of the environment does.
OnChange: TypeAlias = Literal["warn", "raise", "ignore"]

# What another commit changes is not known. Where a cache lies changes no bit, nor do the names torchrun gives a start.
_HARMLESS = ("git", "variables.TORCHINDUCTOR_CACHE_DIR", "variables.TORCHELASTIC_")
_SHOWN = 20


@cache
def here() -> Any:
    """Return the environment as it was when the first run of this process was made."""
    return environment()


def compare(recorded: dict[str, Any], on_change: OnChange) -> None:
    """Compare a recorded environment with the one here.

    Raises:
        RunError: if it is another one and ``on_change`` is ``"raise"``.
        ValueError: for another choice.
    """
    if on_change not in ("warn", "raise", "ignore"):
        raise ValueError(f"on_environment_change must be 'warn', 'raise' or 'ignore', not {on_change!r}")
    if on_change == "ignore":
        return
    changes = [change for change in compare_environments(recorded, here()) if not change.name.startswith(_HARMLESS)]
    if not changes:
        return
    rows = [f"{change.name}: {change.first!r} -> {change.second!r}" for change in changes[:_SHOWN]]
    if len(changes) > _SHOWN:
        rows.append(f"and {len(changes) - _SHOWN} more")
    text = "\n  ".join(["the environment is another one than at the checkpoint, which can change bits:", *rows])
    if on_change == "raise":
        raise RunError("environment", text)
    warnings.warn(text, SamerunWarning, stacklevel=4)
