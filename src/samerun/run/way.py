"""The way of a script through its loops to the place of the checkpoint it resumes from."""

from __future__ import annotations

from samerun.errors import RunError
from samerun.run.cursor import Cursor

__all__ = ["Way"]


class Way:
    """Counts the loops of a script, which is the same in each process.

    Attributes:
        goal: the place of the checkpoint, until the script has come there; ``None`` without one.
        section: which loop at the top of the script it is in, or was in last; -1 before the first.
        loop: which loop over batches of the epoch; -1 before the first.
    """

    def __init__(self) -> None:
        self.goal: Cursor | None = None
        self.section = self.loop = -1

    def enter_section(self) -> bool:
        """Count a loop at the top of the script; return whether it is not behind the checkpoint.

        Raises:
            RunError: if it is beyond.
        """
        self.section += 1
        if self.goal is not None and self.section > self.goal.section:
            reason = f"the checkpoint lies in loop {self.goal.section} of the script, which was not reached"
            raise RunError("epochs", f"{reason}; the script was changed, or left that loop before")
        return self.goal is None or self.section == self.goal.section

    def enter_loop(self) -> bool:
        """Count a loop over batches; return whether it is not behind the checkpoint."""
        self.loop += 1
        if self.goal is None:
            return True
        assert self.goal.loop is not None  # or it was restored before the body
        return self.loop >= self.goal.loop

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
