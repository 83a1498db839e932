"""Going back: the generators and the streams as they were before an earlier cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samerun.errors import NotebookError, Problem, StateError
from samerun.notebook.entry import Entry
from samerun.notebook.recorder import Recorder
from samerun.notebook.states import Kept
from samerun.notebook.streams import Position
from samerun.rng.ownership import stack
from samerun.rng.registry import global_sources_with
from samerun.rng.snapshot import write_all
from samerun.rng.source import Source

__all__ = ["rewind"]


def rewind(recorder: Recorder, entry: Entry, *, partial: bool = False) -> tuple[str, ...]:
    """Set every source and every stream to what it was before a cell; return the sources that there were none of then.

    All or nothing. What came into being later, such as a device, stays as it is. With ``partial``, sources of then that
    do not exist now are passed over.

    Raises:
        NotebookError: inside a stream or an isolated block, whose generators these are.
        StateError: for a source that does not exist now, or a state that cannot be one of its.
    """
    if stack.is_isolated(None):
        raise NotebookError(
            entry.name, "cannot be gone back to inside a stream or a block; rewind in a cell of its own"
        )
    state = entry.outside.before
    watched = recorder.watches.sources
    live = {**global_sources_with([name for name in state if name not in watched]), **watched}
    advice = "watch or import what owns it, or leave it out with --partial"
    missing = [name for name in state if name not in live]
    if missing and not partial:
        raise StateError(Problem(name, "no such source now", "the one of then", advice) for name in missing)
    positions = {name: _present(position, live) for name, position in entry.positions.items()}
    write_all(Kept(state), live, strict=False)
    recorder.streams.put_back(positions, state)
    recorder.note(f"rewound to before {entry.name} (#{entry.number})")
    return tuple(name for name in live if name not in state)


def _present(position: Position, live: Mapping[str, Source[Any]]) -> Position:
    """Return where a stream was in the sources that exist now, each checked."""
    state = {name: packed for name, packed in position.state.items() if name in live}
    kept = Kept(state)
    for name in state:
        kept.native_for(live[name])
    return Position(position.seed, state)
