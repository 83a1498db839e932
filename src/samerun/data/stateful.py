"""Telling what can be resumed by a state of its own."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["as_text", "has_state"]


def has_state(part: object) -> bool:
    """Return whether something has ``state_dict`` and ``load_state_dict``."""
    return callable(getattr(part, "state_dict", None)) and callable(getattr(part, "load_state_dict", None))


def as_text(state: Any) -> str:
    """Return a state as JSON that gives the very same values again.

    Raises:
        TypeError, ValueError: for one that JSON cannot hold, or would change: keys that are no strings, and tuples.
    """
    _refuse_changed(state)
    return json.dumps(state)


def _refuse_changed(state: Any) -> None:
    if isinstance(state, tuple):
        raise TypeError(f"the tuple {state!r}, where JSON has lists only")
    if isinstance(state, dict):
        for key in state:
            if type(key) is not str:
                raise TypeError(f"the key {key!r}, where JSON has strings only")
    for value in state.values() if isinstance(state, dict) else state if isinstance(state, list) else ():
        _refuse_changed(value)
