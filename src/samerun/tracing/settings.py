"""What a trace records, and where to: as given by the caller, and handed to the processes that are traced."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["DEFAULT", "RECORDABLE", "Settings", "keeps_parts", "keeps_states"]

#: What can be recorded at every step.
RECORDABLE = ("rng", "batch", "loss", "gradients", "parameters", "buffers", "optimizer", "rates", "scaler")
#: What is recorded where nothing is chosen: all of it.
DEFAULT = frozenset(RECORDABLE)

_LEVELS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to trace.

    Attributes:
        path: the file of rank 0, absolute; the others lie beside it.
        level: 1 for steps, 2 for the outputs of modules too, 3 for every operation too.
        steps: the first step that levels 2 and 3 are for, and the one after the last; ``None`` for all.
        every: record each such step only.
        record: kinds of :data:`RECORDABLE`.
        force: whether older traces of this name are replaced.
    """

    path: Path
    level: int = 1
    steps: tuple[int, int] | None = None
    every: int = 1
    record: frozenset[str] = DEFAULT
    force: bool = False

    def __post_init__(self) -> None:
        if self.level not in _LEVELS:
            raise ValueError(f"level must be 1, 2 or 3, not {self.level!r}")
        if self.every < 1:
            raise ValueError(f"every must be at least 1, not {self.every!r}")
        if unknown := sorted(self.record - set(RECORDABLE)):
            raise ValueError(f"record must be some of {', '.join(RECORDABLE)}, not {', '.join(map(repr, unknown))}")

    @classmethod
    def checked(
        cls,
        path: str | Path,
        *,
        steps: range | tuple[int, int] | None = None,
        record: Collection[str] = DEFAULT,
        **others: Any,
    ) -> Settings:
        """Return settings made of what a caller gave; ``others`` are attributes of these that are taken as they are.

        Raises:
            ValueError: for what is out of range, with what is possible.
        """
        kinds = frozenset([record] if isinstance(record, str) else record)
        return cls(Path(path).absolute(), steps=_window(steps), record=kinds, **others)

    def dumps(self) -> str:
        """Return this as JSON, which :meth:`loads` reads."""
        return json.dumps({**asdict(self), "path": str(self.path), "record": sorted(self.record)})

    @classmethod
    def loads(cls, text: str) -> Settings:
        """Return what :meth:`dumps` wrote."""
        found: dict[str, Any] = json.loads(text)
        steps = found.pop("steps")
        return cls.checked(steps=tuple(steps) if steps else None, **found)

    def is_deep(self, step: int) -> bool:
        """Return whether a step is one of those that level 2 or 3 is for."""
        return self.level > 1 and (self.steps is None or self.steps[0] <= step < self.steps[1])


def _window(steps: range | tuple[int, int] | None) -> tuple[int, int] | None:
    if steps is None:
        return None
    first, end = (steps.start, steps.stop) if isinstance(steps, range) else steps
    if (isinstance(steps, range) and steps.step != 1) or not 0 <= first < end:
        raise ValueError(f"steps must be a range of successive steps such as range(10, 20), not {steps!r}")
    return first, end


def keeps_parts(step: int) -> bool:
    """Return whether the digests of single tensors are kept: at steps 0 to 999 and each 100th."""
    return step < 1000 or step % 100 == 0


def keeps_states(step: int) -> bool:
    """Return whether whole states of generators are kept at the beginning of a step: 0 to 9 and each 100th."""
    return step < 10 or step % 100 == 0
