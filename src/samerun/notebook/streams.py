"""The named streams of a notebook: each is one sequence of draws, whatever cells draw from it in whatever order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from samerun.errors import NotebookError
from samerun.notebook.states import Kept, State, pack
from samerun.rng import RngState, Stream
from samerun.rng.ownership import Owner
from samerun.rng.snapshot import write_all
from samerun.rng.source import Source

__all__ = ["Guard", "Position", "Streams"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a stream is.

    Attributes:
        seed: what it began from; ``None`` if it goes on from the states that a guard found.
        state: where it stopped, of every source it has met.
    """

    seed: int | None
    state: State


@dataclass(frozen=True, slots=True)
class Guard:
    """A stream that is protected: cells that do not say that they draw from it draw from a sequence of their own.

    Attributes:
        name: of the stream.
        strict: whether a cell that draws without saying so fails, in place of a notice.
    """

    name: str
    strict: bool


class Streams:
    """The streams by name, and where each was when it was last left."""

    def __init__(self) -> None:
        self._owners: dict[str, Owner] = {}
        self.positions: dict[str, Position] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._owners

    def get(self, name: str, seed: int | None) -> Owner:
        """Return a stream, begun from its seed if there was none of this name; 0 where none is given.

        Raises:
            SeedError: for a seed out of range.
            NotebookError: if the stream was begun from another seed.
        """
        owner = self._owners.get(name)
        if owner is None:
            self._owners[name] = owner = Stream(0 if seed is None else seed, name=name)
        if seed is not None and seed != _seed(owner):
            began = "the generators as its guard found them" if _seed(owner) is None else f"seed {_seed(owner)}"
            reason = f"began from {began}, not from seed {seed}; give the same seed in all of its cells, or none"
            raise NotebookError(f"stream {name!r}", reason)
        return owner

    def adopt(self, name: str, sources: Iterable[Source[Any]]) -> None:
        """Begin a stream from the states that the generators are in."""
        self._owners[name] = owner = Owner(name)
        owner.state = RngState.read(sources)
        self.stopped(name)

    def is_adopted(self, name: str) -> bool:
        """Return whether a stream was begun by :meth:`adopt`, and not from a seed."""
        return _seed(self._owners[name]) is None

    def stopped(self, name: str) -> State:
        """Note where a stream is, after it was left; return it."""
        owner = self._owners[name]
        known = self.positions[name].state if name in self.positions else {}
        state = pack(owner.state or RngState(), known)
        self.positions[name] = Position(_seed(owner), state)
        return state

    def give_back(self, name: str, live: Mapping[str, Source[Any]]) -> None:
        """End a stream that was begun by :meth:`adopt`: the generators go on where it is."""
        state = self._owners[name].state
        assert state is not None
        write_all(state, live, strict=False)
        del self._owners[name], self.positions[name]

    def forget_sources(self, names: Iterable[str]) -> None:
        """Forget where sources are that are not watched any more; a stream could not be entered without them."""
        gone = set(names)
        for name, position in self.positions.items():
            if gone.intersection(position.state):
                self._put(name, Position(position.seed, {n: p for n, p in position.state.items() if n not in gone}))

    def put_back(self, positions: Mapping[str, Position], outside: State) -> None:
        """Set every stream to where it was; those that had not begun begin anew, a guarded one from ``outside``.

        None may be entered.
        """
        for name, owner in list(self._owners.items()):
            if name in positions:
                continue
            if _seed(owner) is None:
                self._put(name, Position(None, outside))
            else:
                owner.state = None
                self.positions.pop(name, None)
        for name, position in positions.items():
            self._put(name, position)

    def _put(self, name: str, position: Position) -> None:
        owner = self._owners.get(name)
        if owner is None or _seed(owner) != position.seed:
            owner = Owner(name) if position.seed is None else Stream(position.seed, name=name)
        owner.state = Kept(position.state)
        self._owners[name], self.positions[name] = owner, position


def _seed(owner: Owner) -> int | None:
    return owner.seed if isinstance(owner, Stream) else None
