"""Generators that are kept, and those inside of what is kept."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

from samerun.errors import DiscoveryError, Problem, SamerunWarning, StateError
from samerun.rng.discovery import private_sources
from samerun.rng.snapshot import write_all
from samerun.rng.source import Source
from samerun.rng.state import RngState
from samerun.run.tracked.base import Tracked

__all__ = ["Generators", "Inside"]

_HOOK = re.compile(r"([^\[]*_hooks)\[(\d+)\]")


class Inside:
    """The private generators inside a thing, looked for once.

    Args:
        name: of the thing.
        thing: that is looked into.
        bulk: whether also into large containers of plain data.
    """

    def __init__(self, name: str, thing: Any, *, bulk: bool = False) -> None:
        self._name = name
        try:
            self.found = _numbered(private_sources((thing,), bulk=bulk))
        except DiscoveryError as error:
            self.found = {}
            warnings.warn(
                f"{name}: generators inside are not kept, so what they draw is not the same after a resume: {error}",
                SamerunWarning,
                stacklevel=2,
            )

    def state(self) -> dict[str, Any]:
        """Return their states; an empty dict if there are none."""
        return dict(RngState.read(self.found.values()).state_dict()) if self.found else {}

    def problems(self, state: dict[str, Any]) -> Iterator[Problem]:
        """Yield why saved states do not fit."""
        loaded = RngState()
        try:
            if state:
                loaded.load_state_dict(state)
        except StateError as error:
            yield from error.problems
            return
        for name in sorted(set(loaded) ^ set(self.found)):
            found, expected = ("a state", "none") if name in loaded else ("no state", "one")
            yield Problem(f"{self._name}: {name}", found, expected, "track it when it is made, before it is used")

    def load(self, state: dict[str, Any], *, exactly: bool) -> None:
        """Set the generators to saved states that fit, or those whose states are there."""
        if state:
            loaded = RngState()
            loaded.load_state_dict(state)
            write_all(loaded, self.found, strict=exactly)


def _numbered(sources: dict[str, Source[Any]]) -> dict[str, Source[Any]]:
    """Return sources under names with the places of hooks in place of their numbers, which go on through a process."""
    hooks: dict[str, list[str]] = {}
    for holder, number in (match for name in sources for match in _HOOK.findall(name)):
        if number not in hooks.setdefault(holder, []):
            hooks[holder].append(number)
    for source in sources.values():
        source.name = _HOOK.sub(lambda match: f"{match[1]}[{hooks[match[1]].index(match[2])}]", source.name)
    return {source.name: source for source in sources.values()}


class Generators(Tracked):
    """A generator, or an object with generators inside and no state of its own."""

    has_place = False

    def __init__(self, name: str, thing: Any, inside: Inside) -> None:
        super().__init__(name, thing)
        self._inside = inside

    def state(self) -> Any:
        return self._inside.state()

    def problems(self, state: Any) -> Iterator[Problem]:
        return self._inside.problems(state)

    def load(self, state: Any, *, exactly: bool) -> None:
        self._inside.load(state, exactly=exactly)
