"""What was tried in one run that differs, parted: each group of it is tried in a run of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from samerun.verify.scenario import Scenario
from samerun.verify.trial import Trial, is_sum

__all__ = ["Part", "split"]


class Part(NamedTuple):
    """A trial that was made together with others, and the scenario that it belongs to."""

    scenario: Scenario
    trial: Trial


def split(whole: Trial, parts: Sequence[Part], process: int | None) -> list[Sequence[Part]]:
    """Return groups of parts of which each is smaller than all of them.

    If it is known which process differed first, what others before it survived is one group, what would have come after
    it is another, and what it resumed from is alone. Otherwise they are halved, so that one fault among many is found
    in few runs.

    Args:
        whole: the trial that was all of them at once.
        parts: two at least.
        process: the number of the one that differed, from 0; ``None`` if it was none of them.
    """
    if not is_sum(whole, [part.trial for part in parts]):
        return [[part] for part in parts]
    if not process:
        half = len(parts) // 2
        return [parts[:half], parts[half:]]
    died = whole.deaths[process - 1]
    survived = whole.deaths[: process - 1]
    before = [part for part in parts if all(death in survived for death in part.trial.deaths)]
    here = [part for part in parts if died in part.trial.deaths]
    after = [part for part in parts if part not in before and part not in here]
    return [group for group in (before, *([part] for part in here), after) if group]
