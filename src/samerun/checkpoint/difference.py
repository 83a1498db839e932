"""Every leaf at which two states differ."""

from __future__ import annotations

from samerun.state import Difference, first_difference, walk

__all__ = ["differences"]


def differences(first: object, second: object) -> tuple[Difference, ...]:
    """Return every leaf at which two states differ in a bit, in the order of the first; then what only the second has.

    Where no leaf differs but a container does, as ``[]`` and ``()``, the first of those.

    Raises:
        StateError: as :func:`samerun.state.walk`.

    >>> [difference.path for difference in differences({"lr": 0.1, "step": 3}, {"lr": 0.2, "step": 4})]
    ["['lr']", "['step']"]
    """
    ours, theirs = dict(walk(first)), dict(walk(second))
    found = []
    for path in {**ours, **theirs}:
        # A dict of one entry or none, so that a missing leaf is a difference like any other.
        one, other = ({path: side[path]} if path in side else {} for side in (ours, theirs))
        if (difference := first_difference(one, other)) is not None:
            found.append(Difference(path, difference.first, difference.second))
    if not found and (difference := first_difference(first, second)) is not None:
        found.append(difference)
    return tuple(found)
