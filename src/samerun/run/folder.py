"""The directory of a run: who owns it, its checkpoints and its metrics."""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from samerun.checkpoint import Checkpoint, Info, Keep, Store, Writer
from samerun.checkpoint.reading import MANIFEST, explained
from samerun.errors import CheckpointError, RunError, SamerunWarning
from samerun.run.metrics import Metrics
from samerun.run.owner import Owner
from samerun.run.ranks import Ranks
from samerun.run.record import Record, refuse_odd_state

__all__ = ["Folder", "OnError"]

#: What a disk that takes no checkpoint does.
OnError: TypeAlias = Literal["raise", "warn"]


class Folder:
    """A run's directory, made if missing and owned until :meth:`close`.

    Rank 0 owns it and has the metrics; the others have the checkpoints alone.

    Args:
        path: of the directory.
        keep: which checkpoints to keep.
        on_error: what a full disk does.
        ranks: which make it together.

    Raises:
        RunError: if somebody alive owns it, or it is none.
    """

    def __init__(self, path: Path, *, keep: Keep, on_error: OnError, ranks: Ranks) -> None:
        if path.exists() and not path.is_dir():
            raise RunError(str(path), "is a file, and a run needs a directory")
        path.mkdir(parents=True, exist_ok=True)
        self._on_error = on_error
        self._store = Store(path, rank=ranks.rank, world_size=ranks.world_size, barrier=ranks.barrier)
        self._writer = Writer(self._store, keep=keep, on_error=on_error)
        self._metrics_file = path / "metrics.jsonl"
        self._owner: Owner | None = None
        self._metrics: Metrics | None = None
        # Only a run leaves a lock; without one the lines that are there are somebody else's.
        self._was_run = (path / "owner.lock").exists()
        with ExitStack() as undo:
            if ranks.rank == 0:
                self._owner = Owner(path)
                undo.callback(self._owner.release)
                self._metrics = Metrics(self._metrics_file)
                undo.callback(self._metrics.close)
                self._store.clean()
            undo.pop_all()
        self.close = weakref.finalize(self, _close, os.getpid(), self._writer, self._metrics, self._owner)
        ranks.meet()

    def newest(self, *, exactly: bool) -> tuple[Checkpoint, Record] | None:
        """Find the checkpoint to go on from, and forget what was logged behind it.

        One that does not verify, that no run made, or whose metrics are not there any more, is passed over with a
        warning: the run that goes on from an older one comes to the same checkpoint again.

        Args:
            exactly: whether the metrics must be there.

        Raises:
            CheckpointError: if there are checkpoints, and none can be used.
            StateError: for one of another number of ranks, or with no state of a run.
        """
        found = self._store.load_newest(self._refuse_unfit if exactly else _recorded)
        if found is None:
            if self._metrics is not None:
                self._metrics.begin(own=self._was_run)
            return None
        for passed_over in found.passed_over:
            warnings.warn(f"a newer checkpoint cannot be used, {passed_over}", SamerunWarning, stacklevel=4)
        refuse_odd_state(found.state)
        return found, _recorded(found.info)

    def cut(self, record: Record) -> None:
        """Forget what was logged behind a checkpoint."""
        if self._metrics is not None:
            self._metrics.cut(record.metrics_bytes)
            self._metrics.last = dict(record.metrics or {})

    def save(self, step: int, state: Callable[[], object], record: Record) -> None:
        """Begin to save a state; it may change when this returns.

        Raises:
            RunError: if another process has taken over.
            StateError: for a value that cannot be stored.
            CheckpointError: if the disk did not take it, or the checkpoint before, and that is to be raised.
        """
        try:
            if self._owner is not None:
                self._owner.check()
            found = state()
            if self._metrics is not None:
                record = replace(record, metrics_bytes=self._metrics.sync(), metrics=self._metrics.last)
        except BaseException as error:
            self._writer.abandon()
            if isinstance(error, CheckpointError):
                self._tell(error)
                return
            raise
        self._writer.save(step, found, record.meta())

    def log(self, where: Mapping[str, int], values: Mapping[str, Any]) -> Mapping[str, float]:
        """Append a line to the metrics; return the newest values.

        Raises:
            StateError: for a value that is no number.
            CheckpointError: if the disk did not take it, and that is to be raised.
        """
        if self._metrics is None:
            return {}
        try:
            self._metrics.log(where, values)
        except CheckpointError as error:
            self._tell(error)
        return self._metrics.last

    def wait(self) -> None:
        """Wait until the last checkpoint is on the disk.

        Raises:
            CheckpointError: if it failed, and that is to be raised.
        """
        self._writer.wait()

    def _refuse_unfit(self, info: Info) -> None:
        had = _recorded(info).metrics_bytes
        found = self._metrics_file.stat().st_size if self._metrics_file.exists() else 0
        if found < had:
            reason = f"has {found} bytes and had {had} then; put it back, or pass waive=['metrics'] to go on without"
            raise CheckpointError(str(self._metrics_file), reason)

    def _tell(self, error: CheckpointError) -> None:
        if self._on_error == "raise":
            raise error
        warnings.warn(str(error), SamerunWarning, stacklevel=4)


def _recorded(info: Info) -> Record:
    with explained(info.folder / MANIFEST):
        return Record.of(info.meta)


def _close(process: int, writer: Writer, metrics: Metrics | None, owner: Owner | None) -> None:
    """Wait for the last checkpoint and give the directory back."""
    if os.getpid() != process:  # a forked child owns nothing
        return
    try:
        writer.close()
    finally:
        if metrics is not None:
            metrics.close()
        if owner is not None:
            owner.release()
