"""Telling what can be resumed by a state of its own."""

from __future__ import annotations

__all__ = ["has_state"]


def has_state(part: object) -> bool:
    """Return whether something has ``state_dict`` and ``load_state_dict``."""
    return callable(getattr(part, "state_dict", None)) and callable(getattr(part, "load_state_dict", None))
