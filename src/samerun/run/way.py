"""The way of a script through its loops to the place of the checkpoint it resumes from."""

from __future__ import annotations

from samerun.errors import RunError
from samerun.run.cursor import Cursor

__all__ = ["FEWER", "Way"]

#: What to do about fewer epochs or steps than the checkpoint is at.
FEWER = "ask for as many or more, or take another directory for another run"

_OTHER_LOOPS = (
    "the script must come to the same loops in the same order, also when it resumes: decide inside the body what"
    " depends on run.step or on something tracked"
)


class Way:
    """Counts the loops of a script, which is the same in each process.

    Attributes:
        goal: the place of the checkpoint, until the script has come there; ``None`` without one.
        section: which loop at the top of the script it is in, or was in last; -1 before the first.
        epochs: whether that is a call of ``epochs``.
        loop: which loop over batches of the epoch; -1 before the first.
    """

    def __init__(self) -> None:
        self.goal: Cursor | None = None
        self.section = self.loop = -1
        self.epochs = False

    def enter_section(self, *, epochs: bool) -> bool:
        """Count a loop at the top of the script; return whether it is not behind the checkpoint.

        Raises:
            RunError: if it is beyond, or another loop than the one of the checkpoint.
        """
        self.section += 1
        self.epochs = epochs
        if self.goal is not None and self.section > self.goal.section:
            reason = f"the checkpoint lies in loop {self.goal.section} of the script, which was not reached"
            raise RunError("epochs", f"{reason}; the script was changed, or left that loop before")
        if self.goal is not None and self.section == self.goal.section and epochs != self.goal.epochs:
            found, here = (_name(made_of) for made_of in (self.goal.epochs, epochs))
            raise RunError(
                here, f"the checkpoint lies in loop {self.section} of the script, then {found}; {_OTHER_LOOPS}"
            )
        return self.goal is None or self.section == self.goal.section

    def enter_loop(self, loader: str, *, whole: bool) -> bool:
        """Count a loop over batches; return whether it is not behind the checkpoint.

        Args:
            loader: the name of the one it is over.
            whole: whether it is one pass, and not so many steps.

        Raises:
            RunError: if it is another loop than the one of the checkpoint.
        """
        self.loop += 1
        if self.goal is None:
            return True
        assert self.goal.loop is not None  # or it was restored before the body
        if self.loop == self.goal.loop and (loader, whole) != (self.goal.loader, self.goal.whole):
            found, here = _pass(self.goal.loader, whole=self.goal.whole), _pass(loader, whole=whole)
            reason = f"the checkpoint lies in loop {self.loop} over batches of epoch {self.goal.epoch}, then {found}"
            raise RunError("batches", f"{reason}, and here {here}; {_OTHER_LOOPS}")
        return self.loop >= self.goal.loop

    def refuse_fewer(self, epochs: int) -> None:
        """Refuse to end after so many epochs, if the checkpoint lies behind them.

        Raises:
            RunError: then.
        """
        if self.goal is not None and self.goal.epoch + (self.goal.loop is not None) > epochs:
            where = f"behind epoch {self.goal.epoch - 1}" if self.goal.loop is None else f"in epoch {self.goal.epoch}"
            raise RunError("epochs", f"the checkpoint lies {where}, and only {epochs} are asked for; {FEWER}")

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


def _name(epochs: bool) -> str:
    return "epochs" if epochs else "batches"


def _pass(loader: str, *, whole: bool) -> str:
    return f"a pass over {loader!r}" if whole else f"a number of steps over {loader!r}"
