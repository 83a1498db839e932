"""Saving in the background: the training waits while its tensors are copied, and a thread does the rest."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Literal

from samerun.checkpoint.retention import Keep
from samerun.checkpoint.store import Staged, Store
from samerun.errors import CheckpointError, SamerunWarning

__all__ = ["Writer"]


class Writer:
    """Saves checkpoints into a store while the training goes on, one after the other, and deletes old ones.

    What is captured: the state as it is when :meth:`save` is called; it may change as soon as that returns. A failure
    in the background comes up in the next :meth:`save`, :meth:`wait` or :meth:`close`. The interpreter does not exit
    before a save has ended.

    Args:
        store: where to.
        keep: what to keep after each save; rank 0 deletes the rest. What was there before is verified first: a damaged
            one is neither counted nor deleted.
        on_error: what a failure of the disk does: ``"raise"`` raises :class:`~samerun.errors.CheckpointError`,
            ``"warn"`` warns (:class:`~samerun.errors.SamerunWarning`) and goes on without that checkpoint.
    """

    def __init__(self, store: Store, *, keep: Keep | None = None, on_error: Literal["raise", "warn"] = "raise") -> None:
        if on_error not in ("raise", "warn"):
            raise ValueError(f"on_error must be 'raise' or 'warn', not {on_error!r}")
        self._store = store
        self._keep = keep or Keep()
        self._on_error = on_error
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._good: dict[int, Mapping[str, float]] = {}  # metrics by step

    def save(self, step: int, state: object, meta: Mapping[str, object] | None = None) -> None:
        """Copy a state and begin to save it; waits for the save before it.

        Args:
            step: 0 to ``10**18 - 1``.
            state: what :func:`~samerun.checkpoint.pack` takes.
            meta: to be read without the state, such as ``{"epoch": 3, "metrics": {"loss": 0.1}}``.

        Raises:
            StateError: for a value that cannot be stored; nothing was written.
            CheckpointError: if the save before this one failed; this one was not begun.
        """
        self.wait()
        staged = self._store.stage(step, state, meta)
        self._thread = threading.Thread(target=self._run, args=(staged,), name=f"samerun-save-{step}")
        self._thread.start()

    def wait(self) -> None:
        """Wait until the last save is on the disk.

        Raises:
            CheckpointError: if it failed.
        """
        self._join()
        failure, self._failure = self._failure, None
        if isinstance(failure, CheckpointError) and self._on_error == "warn":
            warnings.warn(str(failure), SamerunWarning, stacklevel=3)
        elif failure is not None:
            raise failure

    def abandon(self) -> None:
        """Take no part in the next save, as :meth:`Store.abandon` does, after the last one has ended."""
        self._join()
        self._store.abandon()

    def close(self) -> None:
        """Wait for the last save, as :meth:`wait` does; nothing needs to be released."""
        self.wait()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except CheckpointError as failure:
            if error is None:
                raise
            error.add_note(f"and the last save failed: {failure}")

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, staged: Staged) -> None:
        try:
            self._store.commit(staged)
            if self._store.rank == 0:
                self._delete_old(staged.step)
        except BaseException as error:
            self._failure = error

    def _delete_old(self, saved: int) -> None:
        steps = set(self._store.steps())
        good = {step: found for step, found in self._good.items() if step in steps and step != saved}
        good[saved] = self._store.info(saved).metrics
        for step in steps - good.keys():
            try:
                good[step] = self._store.verify(step).metrics
            except CheckpointError:
                continue  # it must not take the place of a good one
        self._good = good
        # The one just saved is the one to go on from, also where the run went back from later ones.
        for step in self._keep.doomed(good):
            if step != saved:
                self._store.delete(step)
