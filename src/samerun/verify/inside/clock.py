"""The clock shows another time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]


def disturb(_: Process, setting: float) -> None:
    """Begin a number of seconds later, and go on from there at the usual pace.

    All of ``time`` and ``datetime`` that shows the date is changed, by time-machine; durations are what they are.
    """
    import time_machine

    time_machine.travel(datetime.now(UTC) + timedelta(seconds=setting), tick=True).start()
