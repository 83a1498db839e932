"""The way of a script through its loops to the place of the checkpoint it resumes from."""

from __future__ import annotations

import warnings

from samerun.errors import RunError, SamerunWarning
from samerun.run.cursor import Cursor

__all__ = ["Way"]

_FEWER = "count all, not those that are left; or take another directory for another run"

_OTHER_LOOPS = (
    "the script must come to the same loops in the same order, also when it resumes: decide inside the body what"
    " depends on run.step or on something tracked"
)


class Way:
    """Counts the loops of a script, which is the same in each process.

    Attributes:
        goal: the place of the checkpoint, until the script has come there; ``None`` without one.
        section: which loop at the top of the script it is in, or was in last; -1 before the first.
        epochs: how many that is asked for; ``None`` for a call of ``batches``.
        loop: which loop over batches of the epoch; -1 before the first.
    """

    def __init__(self) -> None:
        self.goal: Cursor | None = None
        self.section = self.loop = -1
        self.epochs: int | None = None

    def enter_section(self, epochs: int | None) -> bool:
        """Count a loop at the top of the script; return whether it is not behind the checkpoint.

        Args:
            epochs: how many it is asked for; ``None`` for a call of ``batches``.

        Raises:
            RunError: if it is beyond, another loop than the one of the checkpoint, or ends before that.
        """
        self.section += 1
        self.epochs = epochs
        if self.goal is not None and self.section > self.goal.section:
            reason = f"the checkpoint lies in loop {self.goal.section} of the script, which was not reached"
            raise RunError("epochs", f"{reason}; the script was changed, or left that loop before")
        if self.goal is not None and self.section == self.goal.section:
            self._compare_section(self.goal)
        return self.goal is None or self.section == self.goal.section

    def enter_loop(self, loader: str, steps: int | None) -> bool:
        """Count a loop over batches; return whether it is not behind the checkpoint.

        Args:
            loader: the name of the one it is over.
            steps: how many it is asked for; ``None`` for one pass.

        Raises:
            RunError: if it is another loop than the one of the checkpoint, or ends before that.
        """
        self.loop += 1
        if self.goal is None:
            return True
        assert self.goal.loop is not None  # or it was restored before the body
        if self.loop == self.goal.loop:
            self._compare_loop(self.goal, loader, steps)
        return self.loop >= self.goal.loop

    def _compare_section(self, goal: Cursor) -> None:
        if (self.epochs is None) != (goal.epochs is None):
            found, here = ("batches" if epochs is None else "epochs" for epochs in (goal.epochs, self.epochs))
            raise RunError(
                here, f"the checkpoint lies in loop {self.section} of the script, then {found}; {_OTHER_LOOPS}"
            )
        if self.epochs is not None and goal.epochs is not None:
            where = f"behind epoch {goal.epoch - 1}" if goal.loop is None else f"in epoch {goal.epoch}"
            needed = goal.epoch + (goal.loop is not None)
            _compare("epochs", where, needed=needed, then=goal.epochs, now=self.epochs)

    def _compare_loop(self, goal: Cursor, loader: str, steps: int | None) -> None:
        if loader != goal.loader or (steps is None) != (goal.steps is None):
            found, here = _pass(goal.loader, goal.steps), _pass(loader, steps)
            reason = f"the checkpoint lies in loop {self.loop} over batches of epoch {goal.epoch}, then {found}"
            raise RunError("batches", f"{reason}, and here {here}; {_OTHER_LOOPS}")
        if steps is not None and goal.steps is not None:
            where = f"behind {goal.taken} steps of the loop"
            _compare("batches", where, needed=goal.taken, then=goal.steps, now=steps)

    def refuse_missed_loop(self) -> None:
        """Refuse to leave the epoch that the checkpoint lies in before the script has come there.

        Raises:
            RunError: then.
        """
        if self.goal is not None:
            reason = f"the checkpoint lies in loop {self.goal.loop} over batches of epoch {self.goal.epoch}"
            raise RunError("batches", f"{reason}, which was not reached; the script was changed")

    def missed(self) -> str:
        """Return what is wrong if the script ends here, after loops that are all behind; empty if nothing is."""
        if self.goal is None or not 0 <= self.section < self.goal.section:
            return ""
        reason = f"the checkpoint lies in loop {self.goal.section} of the script, which ended after loop {self.section}"
        return f"{reason}: nothing was trained; the script was changed"


def _pass(loader: str, steps: int | None) -> str:
    return f"a pass over {loader!r}" if steps is None else f"a number of steps over {loader!r}"


def _compare(loop: str, where: str, *, needed: int, then: int, now: int) -> None:
    """Refuse a loop that ends before the checkpoint, and warn of one that ends before it did then."""
    if needed > now:
        raise RunError(loop, f"the checkpoint lies {where}, and only {now} are asked for; {_FEWER}")
    if now < then:
        text = f"run.{loop} is asked for {now}, and was for {then} when the checkpoint was made; {_FEWER}"
        warnings.warn(text, SamerunWarning, stacklevel=2)
