"""What is planted in pairs of synthetic traces, and what it takes to plant it."""

from __future__ import annotations

from runs import EVENTS, plain
from samerun.tracing.format import Phase

ENVIRONMENT = {
    "python": {"version": "3.11.7", "hash_seed": 0},
    "threads": {"intra_op": 2},
    "packages": {"torch": "2.13.0"},
}


def seed(library="torch", value=42, line=3):
    """Return the note of a library that was seeded."""
    return (
        0,
        "seed",
        {"library": library, "value": value, "place": {"file": "train.py", "line": line, "function": "main"}},
    )


def loader(line=9, **settings):
    """Return the note of a loader that was iterated."""
    place = {"place": {"file": "train.py", "line": line, "function": "main"}}
    return 0, "loader", {"loader": "", "length": 100, "batch_size": 4, "num_workers": 0, **settings, **place}


SEEDED = (seed(), seed("numpy"), seed("python"))


def spoiled(step, *kinds, name=None):
    """Return a content whose events of some kinds are others from a step on."""
    return lambda at, moment, what, which: (
        ("spoiled", plain(at, moment, what, which))
        if at >= step and what in kinds and name in (None, which)
        else plain(at, moment, what, which)
    )


def batches_of(order, size=4):
    """Return what gives the samples of a step's batch."""
    return lambda step: tuple(order[step * size : step * size + size])


#: The samples, in the order of their numbers.
ORDER = list(range(200))
#: What happens in a step of a script without a loader, whose generators are read at the ends of steps only.
WITHOUT_LOADER = tuple(event for event in EVENTS if event[0] >= Phase.GRADIENTS)
