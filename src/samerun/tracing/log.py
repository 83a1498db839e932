"""What is written down of a process: into its file, which is made late, and until then into memory."""

from __future__ import annotations

import multiprocessing
from collections import deque
from multiprocessing.util import Finalize
from typing import Any

from samerun.tracing.deep import Observation
from samerun.tracing.format import Phase
from samerun.tracing.later import Digest, Later
from samerun.tracing.process import open_writer
from samerun.tracing.settings import Settings, keeps_parts
from samerun.tracing.training import Record
from samerun.tracing.writer import Writer

__all__ = ["Log"]

# Notes kept before there is a file, and in all; a script that seeds in each step would fill the disk.
_EARLY, _NOTES = 10_000, 100_000
# Observations of levels 2 and 3 that are kept before there is a file: the latest ones.
_SEEN = 200_000


class Log:
    """The file of this process, and where in its run that process is.

    Notes and observations are kept until there is a file; everything else is given after :meth:`begin`.

    Args:
        settings: with the file's path.

    Attributes:
        step: how many optimizer steps are behind.
        phase: where in the step observations belong.
        writer: of the file, once there is one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.step = 0
        self.phase = Phase.BEFORE_BATCH
        self.writer: Writer | None = None
        self._notes: list[tuple[int, str, Any]] = []
        self._noted = 0
        self._seen: deque[Observation] = deque(maxlen=_SEEN)

    @property
    def keeps_parts(self) -> bool:
        """Whether the parts of events are kept in this step."""
        return keeps_parts(self.step)

    def begin(self) -> bool:
        """Make the file if there is none, with what was kept for it; return whether it was made now."""
        if self.writer is not None:
            return False
        self.writer = open_writer(self._settings)
        if multiprocessing.parent_process() is not None:  # such a process ends without atexit
            Finalize(None, self.close, ("exit",), exitpriority=0)
        for note in self._notes:
            self.writer.note(*note)
        self._notes.clear()
        while self._seen:
            self._write_seen(self._seen.popleft())
        return True

    def close(self, reason: str) -> None:
        """Write the rest and why the run ended."""
        if self.writer is not None:
            self.writer.close(reason)

    def note(self, kind: str, value: Any) -> None:
        """Write down something that happened."""
        self._noted += 1
        if self.writer is not None and self._noted < _NOTES:
            self.writer.note(self.step, kind, value)
        elif self._noted < _EARLY:
            self._notes.append((self.step, kind, value))

    def event(
        self, phase: Phase, kind: str, name: str, digest: Digest, *, value: Any = None, parts: Digest | None = None
    ) -> None:
        """Write down what stands for some bits in this step."""
        assert self.writer is not None
        self.writer.event(self.step, phase, self.writer.series(kind, name), digest, value=value, parts=parts)

    def record(self, phase: Phase, kind: str, name: str, found: Record | None) -> None:
        """Write down what stands for many tensors in this step, if there are any."""
        if found is None:
            return
        assert self.writer is not None
        if found.layout is not None:
            self.writer.layout(self.writer.series(kind, name), self.step, found.layout)
        self.event(phase, kind, name, found.digest, parts=found.parts if self.keeps_parts else None)

    def state(self, name: str, state: bytes) -> None:
        """Write down the whole state of a generator at the beginning of this step."""
        assert self.writer is not None
        self.writer.state(self.step, self.writer.series("rng", name), state)

    def observed(self, found: Observation) -> None:
        """Write down what level 2 or 3 saw."""
        if self.writer is None:
            self._seen.append(found)
        else:
            self._write_seen(found)

    def end_step(self, loss: float | Later[float] | None) -> None:
        """End a step that is recorded."""
        assert self.writer is not None
        self.writer.end_step(self.step, loss)

    def _write_seen(self, found: Observation) -> None:
        self.event(self.phase, found.kind, found.name, found.digest, value=found.value, parts=found.parts)
