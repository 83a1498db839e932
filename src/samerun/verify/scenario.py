"""A way in which a script might not be reproducible, and the runs that show whether it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from samerun.verify.reference import Reference
from samerun.verify.trial import Trial

__all__ = ["NotApplicable", "Scenario"]


class NotApplicable(Exception):  # noqa: N818  # it is no error
    """Raised by a scenario that says nothing about a script, with the reason."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is tried.

    Attributes:
        name: as in ``--only``.
        summary: what it shows, in a few words.
        cost: computing time without the starts of processes, in runs of the script, where nothing differs. Where
            something does, a run is ended soon after it, and what it tried at once is tried in parts.
        trials: returns what to run, given the first run; raises :class:`NotApplicable` if there is nothing to try.
        default: whether it is among those that are tried unless others are asked for.
        quick: the same as ``trials`` for the set of ``--quick``; ``None`` if it is not in that.
        quick_cost: the cost of that; ``None`` for the same cost.
        order: scenarios of a lower number are shown first.
        joins: whether it is first tried together with others that join, in one run.
        surroundings: whether a script may differ here, because that depends on the machine and not on the script.
        cause: the name of what differs by it, for where the traces do not show another cause.
        sure: whether that is the cause of whatever differs, so that another one that fits cannot be.
        own: whether its own words say more than what the traces show, which is then left out.
        depends: the end of the sentence "what it computes depends on ...", for the same.
        needed: why a run that fails says nothing, after what it printed; empty if it does say something.
        advice: what to do about any difference; if empty, what is said of its cause.
    """

    name: str
    summary: str
    cost: float
    trials: Callable[[Reference], Sequence[Trial]]
    order: int
    default: bool = True
    quick: Callable[[Reference], Sequence[Trial]] | None = None
    quick_cost: float | None = None
    joins: bool = False
    surroundings: bool = False
    cause: str = ""
    sure: bool = False
    own: bool = False
    depends: str = ""
    needed: str = ""
    advice: str = ""
