"""Where a run is in its script: which loops are behind it, and how far it is in the one it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from samerun.errors import Problem, StateError

__all__ = ["Cursor"]

# What there must be, by the annotation of a field.
_EXPECTED = {"int": "0 to 2**63 - 1", "bool": "a bool", "str": "a string"}


@dataclass
class Cursor:
    """A place in the script, at a step boundary.

    Attributes:
        step: batches that are behind, over the whole run.
        section: which call of ``epochs``, or of ``batches`` outside epochs, the place is in, counted from 0.
        epoch: which epoch of the section; one that is behind is counted.
        loop: which call of ``batches`` of the epoch the place is in, counted from 0; ``None`` between epochs.
        taken: batches of that loop that are behind.
        pass_epoch: the loader's epoch when its pass began; ``None`` for one that does not say.
        over: whether that loop is behind, left by ``break`` or at the end of its pass.
        last: whether the section ends with the body the place is in, as :meth:`samerun.Run.stop` says.
        epochs: how many the section was asked for; ``None`` for a call of ``batches``.
        loader: the name of the loader the loop is over; empty between epochs.
        steps: how many the loop was asked for; ``None`` for one pass.
    """

    step: int = 0
    section: int = 0
    epoch: int = 0
    loop: int | None = None
    taken: int = 0
    pass_epoch: int | None = None
    over: bool = False
    last: bool = False
    epochs: int | None = None
    loader: str = ""
    steps: int | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, state: object) -> Cursor:
        """Return what :meth:`state_dict` gave.

        Raises:
            StateError: for something else.
        """
        names = [field.name for field in fields(cls)]
        if not isinstance(state, Mapping) or set(state) != set(names):
            advice = "another version of samerun saved it; resume with that one, or take another directory"
            raise StateError([Problem("run", repr(state), f"a place with {', '.join(names)}", advice)])
        for field in fields(cls):
            value, kind = state[field.name], str(field.type).removesuffix(" | None")
            optional = value is None and kind != field.type
            if not optional and not (type(value).__name__ == kind and (kind != "int" or 0 <= value < 2**63)):
                raise StateError([Problem(f"run/{field.name}", repr(value), _EXPECTED[kind])])
        return cls(**state)
