"""What a run keeps under a name; compared with a checkpoint before anything is loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from typing import Any, ClassVar, TypeAlias

from samerun.errors import Problem

__all__ = ["Parts", "Tracked"]

#: What a state must be made of: the type of each part, by its key.
Parts: TypeAlias = "dict[str, type] | None"


class Tracked(ABC):
    """One thing that is kept under a name."""

    #: Loaded after everything else but the generators.
    is_position = False

    #: Whether the state may hold where an iteration is.
    has_place = True

    #: What its state, a dict, is made of; ``None`` for a state that only the thing itself knows.
    parts: ClassVar[Parts] = {}

    #: The parameters, by ``id``, that tracked modules keep.
    owned: Set[int] = frozenset()

    def __init__(self, name: str, thing: Any) -> None:
        self.name = name
        self.thing = thing

    @abstractmethod
    def state(self) -> Any:
        """Return its state."""

    def odd(self, state: Any) -> Iterator[Problem]:
        """Yield what a saved state has in place of the parts it must have."""
        if self.parts is None:
            return
        if not isinstance(state, dict):
            yield Problem(self.name, f"a {type(state).__name__}", "a dict")
            return
        for part, kind in self.parts.items():
            if part not in state or not isinstance(state[part], kind):
                found = f"a {type(state[part]).__name__}" if part in state else "nothing"
                yield Problem(f"{self.name}[{part!r}]", found, f"a {kind.__name__}")

    @abstractmethod
    def problems(self, state: Any) -> Iterator[Problem]:
        """Yield why a saved state that is not odd does not fit, without changing anything."""

    @abstractmethod
    def load(self, state: Any, *, exactly: bool) -> None:
        """Load a state that fits, or whatever of it can be.

        Args:
            state: what :meth:`state` gave; nothing keeps a part of it.
            exactly: whether it is an error if the thing does not take it as it is.

        Raises:
            RunError: then.
        """

    def epoch(self) -> int | None:
        """Return the epoch a loader is in, or would begin; ``None`` for what does not say."""
        return None

    def leave(self) -> None:  # noqa: B027  # only loaders have passes
        """End the pass that a loader was loaded inside of, as leaving its loop does."""

    def begin(self, seed: int) -> Iterator[Any]:
        """Begin a pass over a loader; ``seed`` is for what it draws from the global generators by that."""
        batches: Iterator[Any] = iter(self.thing)
        return batches
