"""Who owns the global generators: a stack of streams and blocks, each with the state in which it was interrupted."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from samerun.errors import StreamError
from samerun.rng.registry import families, global_sources, global_sources_with
from samerun.rng.snapshot import write_all
from samerun.rng.source import Source
from samerun.rng.state import RngState

__all__ = ["Entry", "Owner", "Stack", "stack"]


class Owner:
    """Somebody who may own the generators: the outside, a stream, or an isolated block.

    ``state`` is where it stopped while it does not own them.
    """

    #: Its draws follow from a seed, so a generator it could not seed is a loss.
    seeded = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: RngState | None = None

    def begin(self, live: Mapping[str, Source[Any]]) -> None:
        """Take over the generators, which are in the state of whoever had them."""
        if self.state is not None:
            write_all(self.state, live, strict=False)


class Entry:
    """One entering of an owner, with the private generators it borrows."""

    def __init__(self, owner: Owner, private: dict[str, Source[Any]], *, keeps: bool) -> None:
        self.owner = owner
        self.private = private
        self.keeps = keeps  # whether the owner goes on later from where it stops
        self.outer_private = RngState.read(private.values())
        self.pending = [(family, pending) for family in families() if (pending := family.pending()) is not None]
        self.thread = threading.current_thread()


class Stack:
    """Who owns the generators now (the top), and who gets them back next. One per process, as the generators are.

    Everybody below the top keeps the state in which it was interrupted. An entry that is left while others were entered
    after it (a suspended generator function, an async task) is just taken out, so the outer states come back in
    whatever order entries end.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: list[Entry] = []
        self._outside = Owner("outside")

    def renew_lock(self) -> None:
        """Replace the lock, in a child process."""
        self._lock = threading.RLock()

    def is_entered(self, owner: Owner) -> bool:
        """Return whether an owner is anywhere in the stack."""
        return any(entry.owner is owner for entry in self._entries)

    def owns_generators(self, owner: Owner) -> bool:
        """Return whether an owner is at the top."""
        return self._top() is owner

    def is_isolated(self, owner: Owner | None) -> bool:
        """Return whether somebody else than an owner, or than the outside, is at the top."""
        return self._top() is not (owner or self._outside)

    def enter(self, owner: Owner, private: dict[str, Source[Any]], *, keeps: bool) -> Entry:
        """Put an owner on top, with ``private`` borrowed too; all or nothing."""
        with self._lock:
            self._refuse_other_thread(owner)
            live = global_sources_with(owner.state or () if owner.seeded else ())
            entry = Entry(owner, private, keeps=keeps)
            interrupted = RngState.read(live.values())
            self._top().state = interrupted
            if self._top() is not owner:
                with ExitStack() as back:
                    back.callback(interrupted.write_back)
                    back.callback(entry.outer_private.write_back)
                    owner.begin({**live, **private})
                    back.pop_all()  # it began: nothing is to be put back yet
            self._entries.append(entry)
            return entry

    def leave(self, entry: Entry) -> None:
        """Take an entry out; what it borrowed goes back whatever fails on the way."""
        with self._lock:
            was_top = self._entries[-1] is entry
            self._entries.remove(entry)
            try:
                if entry.keeps and was_top:
                    entry.owner.state = RngState.read({**global_sources(), **entry.private}.values())
            finally:
                try:
                    entry.outer_private.write_back()
                finally:
                    if was_top and self._top() is not entry.owner:
                        self._give_back(entry)

    def _give_back(self, entry: Entry) -> None:
        try:
            self._interrupted().write_back()
        finally:
            for family, pending in entry.pending:
                family.put_back(pending)
            self._account_for_new_sources(entry)

    def _account_for_new_sources(self, entry: Entry) -> None:
        new = [source for name, source in global_sources().items() if name not in self._interrupted()]
        lost = [source.name for source in new if not source.rewind()]
        if lost or (new and entry.owner.seeded):
            names = ", ".join(source.name for source in new)
            reason = (
                f"{names} came into being inside the block, so its draws do not follow from the stream's seed"
                " and what it was outside is not known; initialise it before entering (such as torch.cuda.init())"
            )
            raise StreamError(entry.owner.name, reason)

    def _interrupted(self) -> RngState:
        state = self._top().state
        assert state is not None  # set when somebody else was entered on top
        return state

    def _top(self) -> Owner:
        return self._entries[-1].owner if self._entries else self._outside

    def _refuse_other_thread(self, owner: Owner) -> None:
        for entry in self._entries:
            if entry.thread is not threading.current_thread() and entry.thread.is_alive():
                reason = (
                    f"thread {entry.thread.name!r} is inside {entry.owner.name!r}; the generators belong to the whole"
                    " process, so two threads cannot have streams at once"
                )
                raise StreamError(owner.name, reason)


#: The one of this process.
stack = Stack()

if hasattr(os, "register_at_fork"):  # the thread that holds the lock is not in the child
    os.register_at_fork(after_in_child=stack.renew_lock)
