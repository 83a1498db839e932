"""What a run says about a checkpoint, to be read without its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from samerun.checkpoint.reading import is_number
from samerun.errors import Problem, StateError
from samerun.run.cursor import Cursor

__all__ = ["Record", "refuse_odd_state"]


@dataclass(frozen=True)
class Record:
    """The ``meta`` of a run's checkpoint.

    Attributes:
        epoch: of the place, for people.
        seed: of the run.
        run: the place in the script.
        environment: in which it was made.
        metrics_bytes: how long ``metrics.jsonl`` was.
        metrics: the values that were logged last, by name.
    """

    epoch: int
    seed: int
    run: Cursor
    environment: dict[str, Any]
    metrics_bytes: int = 0
    metrics: Mapping[str, float] | None = None

    def meta(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "metrics": dict(self.metrics or {})}

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> Record:
        """Return what :meth:`meta` gave; other keys are left out.

        Raises:
            StateError: for something else.
        """
        place = Cursor.of(meta.get("run"))
        problems = [
            Problem(name, repr(meta[name]) if name in meta else "nothing", expected)
            for name, expected in _FORMS.items()
            if not _fits(expected, meta.get(name))
        ]
        if problems:
            raise StateError(problems)
        return cls(run=place, **{name: meta[name] for name in _FORMS})


_COUNT, _OBJECT, _NUMBERS = "an integer from 0 to 2**63 - 1", "a dict", "a dict of numbers"
_FORMS = {"epoch": _COUNT, "seed": _COUNT, "environment": _OBJECT, "metrics_bytes": _COUNT, "metrics": _NUMBERS}


def _fits(expected: str, found: object) -> bool:
    if expected == _COUNT:
        return type(found) is int and 0 <= found < 2**63
    if expected == _OBJECT:
        return isinstance(found, dict)
    return isinstance(found, dict) and all(map(is_number, found.values()))


def refuse_odd_state(state: object) -> None:
    """Refuse what is not the state of a run: ``tracked``, by name, and ``rng``.

    Raises:
        StateError: for anything else.
    """
    if not isinstance(state, dict) or not all(isinstance(state.get(part), dict) for part in ("tracked", "rng")):
        found = sorted(map(repr, state)) if isinstance(state, dict) else type(state).__qualname__
        raise StateError([Problem("the state", f"{found}", "dicts under 'tracked' and 'rng'", "no run saved this")])
