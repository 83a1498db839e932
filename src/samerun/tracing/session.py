"""The recording of this process: one at a time, begun by a context manager or by the launcher."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from samerun.errors import TraceError
from samerun.tracing.hooks import install
from samerun.tracing.recorder import Recorder
from samerun.tracing.settings import DEFAULT, Settings
from samerun.tracing.writer import make_way

__all__ = ["RERUN", "Session", "trace"]

#: The environment variable that says, as JSON, which block of a script is run again, and how it is recorded this time.
RERUN = "SAMERUN_RERUN"


class Session:
    """A recorder and its hooks, from here to :meth:`end`.

    Raises:
        TraceError: if this process is being recorded already.
    """

    active: ClassVar[Session | None] = None

    def __init__(self, settings: Settings) -> None:
        if Session.active is not None:
            other = Session.active.settings.path
            raise TraceError(str(settings.path), f"cannot be begun: this process is being recorded into {str(other)!r}")
        self.settings: Settings = settings
        self.recorder = Recorder(settings)
        self._patches = install(self.recorder)
        Session.active = self
        self.recorder.watch()

    def end(self, reason: str) -> None:
        """Take the hooks off and write the rest."""
        Session.active = None
        self._patches.undo()
        self.recorder.close(reason)


class trace:  # noqa: N801  # a context manager, named like one
    """Record what happens inside the block into a file, step by step, without changing a bit of it.

    For each optimizer step, in the order of execution: digests of every generator before a batch is fetched, after it
    and after the step, of the batch, the loss, gradients, learning rates, the scaler, the optimizer's state, parameters
    and buffers. Besides: seeds, loaders, optimizers, the model's structure, states loaded and saved, directories
    listed, each with file and line, and the environment. Processes that are forked inside the block and train make
    files of their own beside it; those that are spawned are recorded by ``samerun trace`` only.

    Args:
        path: the file, such as ``A.trace``. With several ranks, rank 1 writes ``A.rank1.trace``, and so on.
        level: 1; 2 for the output of every module too; 3 for every operation too.
        steps: the steps that level 2 or 3 is for, such as ``range(10, 20)``; all by default.
        every: record one step in so many.
        record: what is recorded of each step, some of ``"rng"``, ``"batch"``, ``"loss"``, ``"gradients"``,
            ``"parameters"``, ``"buffers"``, ``"optimizer"``, ``"rates"``, ``"scaler"``.
        force: replace older traces of this name.

    Raises:
        TraceError: if there is a trace of this name already, if it cannot be written, if this process is being recorded
            already, or, at the end of the block, if no step and no loader was seen in it.
        ValueError: for an argument out of range.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        level: int = 1,
        steps: range | tuple[int, int] | None = None,
        every: int = 1,
        record: Collection[str] = DEFAULT,
        force: bool = False,
    ) -> None:
        settings = Settings.checked(path, level=level, steps=steps, every=every, record=record, force=force)
        self._settings = _rerun(settings)
        self._session: Session | None = None

    def __enter__(self) -> None:
        if Session.active is None:
            make_way(self._settings.path, force=self._settings.force)
        self._session = Session(self._settings)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        assert session is not None
        if error is None:
            session.recorder.ends()
        session.end("end" if error is None else f"exception: {type(error).__name__}: {error}")
        if error is not None:
            return
        if session.recorder.failed is not None:
            raise TraceError(str(self._settings.path), "is not complete: recording failed") from session.recorder.failed
        if session.recorder.writer is None:
            reason = "was not made: no optimizer step, backward pass or torch DataLoader was seen in the block"
            raise TraceError(str(self._settings.path), reason)


def _rerun(settings: Settings) -> Settings:
    """Return the settings for a block that is run again, which must not touch what it recorded the first time."""
    if not (text := os.environ.get(RERUN)):
        return settings
    told = json.loads(text)
    wanted = Settings.loads(told["settings"])
    if told["path"] == str(settings.path):
        return wanted
    return replace(settings, path=wanted.path.with_name(f"beside-{settings.path.name}"), force=True)


def _in_child() -> None:
    if Session.active is not None:
        Session.active.recorder.in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
