"""A training that goes on exactly where it stopped, whatever stopped it."""

from __future__ import annotations

import signal
import sys
import warnings
import weakref
from collections.abc import Collection, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Literal, SupportsIndex, TypeVar, get_args

from samerun.checkpoint import Keep
from samerun.errors import Problem, RunError, SamerunWarning, StateError
from samerun.rng import Stream, seed_everything
from samerun.rng.seeding import check_seed
from samerun.run.contents import Contents
from samerun.run.folder import Folder, OnError
from samerun.run.forgotten import Forgotten, forgotten
from samerun.run.loops import Loop, Loops
from samerun.run.progress import Bar
from samerun.run.ranks import Ranks
from samerun.run.schedule import SaveEvery, Schedule
from samerun.run.signals import Signals
from samerun.run.surroundings import OnChange, compare
from samerun.run.way import Way

__all__ = ["Run"]

T = TypeVar("T")

Rng = Literal["stream", "global"]

# By directory: one made again in the same process, as in a notebook, takes over from its predecessor.
_living: weakref.WeakValueDictionary[Path, Run] = weakref.WeakValueDictionary()


class Run:
    """One training, possibly over several processes in sequence: started again after any death, it is the same run.

    ::

        run = samerun.Run("runs/digits", seed=42, save_every=100)
        run.track(model=model, optimizer=optimizer, loader=loader)
        for epoch in run.epochs(20):
            for x, y in run.batches(loader):
                ...

    Args:
        directory: of the run: checkpoints (``step-000000123``), ``metrics.jsonl``, and who owns it. Made if missing.
        seed: an integer in ``[0, 2**32)``; everything is seeded with it when the run is made.
        save_every: steps between two checkpoints, a time such as ``"5min"``, ``"epoch"``, or ``None`` for only at the
            end, by :meth:`save` and when asked to stop.
        keep: which checkpoints to keep; a number stands for that many of the newest.
        accumulate: steps that make one optimizer step. The run saves by itself only behind the last of them.
        max_time: a time such as ``"11h"`` after which the run saves and ends the process with exit code 124.
        rng: ``"stream"`` gives the run an own stream of all global generators, from the first step of a loop to its
            end, so that draws outside do not change it; ``"global"`` lives in the global generators as a plain script.
        signals: those that save at the next step boundary and then end the process as they would have; SIGUSR1 for
            SLURM. A second SIGINT kills at once.
        on_environment_change: what a resume under another environment does: ``"warn"``, ``"raise"`` or ``"ignore"``.
        on_save_error: what a disk that takes no checkpoint does: ``"raise"`` or ``"warn"`` and go on.
        waive: what may differ from the checkpoint although the run will then be another one: names that are tracked,
            ``"seed"``, ``"rng"`` or ``"metrics"``.
        progress: whether to show a bar; by default where there is a terminal.

    A *step* is one batch of :meth:`batches`. At a step boundary the body of the loop has finished and the next batch
    has not been asked for. There, and behind the body of an epoch, checkpoints are made.

    What is captured: the tracked objects with pending gradients, all global generators, the place in the script.
    What is not: variables of the script, generators inside objects that are not tracked, files the script writes.
    Code of an epoch's body before and after its loops runs again when the process died behind it and before the next
    checkpoint; what it changed in tracked objects is restored.

    Several ranks of ``torch.distributed`` make the run together and resume with as many.

    Raises:
        RunError: if somebody alive owns the directory, or the environment is another one and that is to be refused.
        StateError: for a checkpoint of another seed or number of ranks.
        CheckpointError: if there are checkpoints and all are damaged.
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        *,
        seed: SupportsIndex,
        save_every: SaveEvery = None,
        keep: int | Keep = 3,
        accumulate: int = 1,
        max_time: str | None = None,
        rng: Rng = "stream",
        signals: Iterable[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
        on_environment_change: OnChange = "warn",
        on_save_error: OnError = "raise",
        waive: Collection[str] = (),
        progress: bool | None = None,
    ) -> None:
        if rng not in get_args(Rng):
            raise ValueError(f"rng must be 'stream' or 'global', not {rng!r}")
        self.directory = Path(directory).absolute()
        self.seed = check_seed(seed, 2**32)
        schedule, noted = Schedule(save_every, accumulate, max_time), Signals(signals)
        ranks = Ranks()
        self._contents = Contents(waive, self.seed)
        # Each rank draws numbers of its own, such as those of dropout; they begin with one model all the same.
        name = f"run.{ranks.rank}" if ranks.rank else "run"
        self._stream = Stream(self.seed, name=name) if rng == "stream" else None
        self._bar = Bar(progress, ranks.rank)
        self._folder = self._opened(keep, on_save_error, ranks)
        self._loops = Loops(
            seed=self.seed,
            stream=self._stream,
            contents=self._contents,
            folder=self._folder,
            schedule=schedule,
            signals=noted,
            ranks=ranks,
            bar=self._bar,
        )
        try:
            self._find(waive, on_environment_change)
            seed_everything(self.seed)
        except BaseException:
            self._folder.close()
            raise
        self._end = weakref.finalize(self, _end, self._folder, self._loops.way)
        _living[self.directory] = self

    @property
    def step(self) -> int:
        """How many steps are behind; in a body the number of this one."""
        return self._loops.step

    @property
    def epoch(self) -> int:
        """How many epochs are behind; in a body the number of this one. Each ``epochs`` counts from 0."""
        return self._loops.epoch

    def track(self, **things: Any) -> None:
        """Keep things under names, and restore them if there is a checkpoint.

        Args:
            **things: models, optimizers, schedulers, scalers, averages, metrics, loaders, anything with
                ``state_dict`` and ``load_state_dict``; generators, and any object with generators inside. A torch
                DataLoader is kept as :func:`samerun.exact` makes it.

        Raises:
            TypeError: for a thing with nothing to keep.
            StateError: naming every key path at which the checkpoint has something else; nothing was changed.
            RunError: for a thing that did not take its state as it was saved.
        """
        added = self._contents.add(things)
        if (found := self._loops.found) is not None:
            try:
                self._contents.load(found.state["tracked"], things)
            except BaseException:
                self._contents.remove(added)
                raise

    def epochs(self, count: int) -> Iterable[int]:
        """Return the epochs from where the run is to ``count - 1``; behind each body it saves, if it is time.

        Raises:
            RunError: when it is iterated, inside another loop of the run, or if the checkpoint lies in a loop before.
        """
        return Loop(lambda: self._while(self._loops.epochs(count)))

    def batches(self, loader: Iterable[Any], *, steps: int | None = None) -> Iterable[Any]:
        """Return the batches of a loader: one pass over it, or with ``steps`` so many, over the ends of its epochs.

        A torch DataLoader is replaced by what :func:`samerun.exact` makes of it, always the same. A loader that is not
        tracked is, as ``loader-0``; a second one is refused, because nothing would tell them apart after a resume.

        Raises:
            TypeError: when it is iterated, for a loader that cannot be made exact.
            RunError: when it is iterated, inside another loop over batches, or over a second loader without a name.
        """
        return Loop(lambda: self._while(self._loops.batches(loader, steps)))

    def save(self) -> None:
        """Save at the end of the body this is called in; outside all loops wait until the last save is on the disk.

        A loop saves at its end, so outside there is nothing to save. Does nothing where the script has not yet come to
        the place of the checkpoint it resumes from.

        Raises:
            RunError: behind a loop that was left by ``break`` or by an exception: there the run is in the middle of the
                loop, and cannot go on from there. :meth:`stop` ends a loop early.
        """
        if self._loops.left:
            reason = (
                "the loop before was left by break or by an exception, so that the run is in the middle of it; in place"
                " of break call run.stop(), which saves at the end of the body. After an exception make the run again:"
                " it goes on from the last checkpoint"
            )
            raise RunError("save", reason)
        if not self._loops.inside:
            self._folder.wait()
        elif self._loops.way.goal is None:
            self._loops.asked = True

    def stop(self) -> None:
        """Make this the last epoch, or outside epochs the last step: the loop ends at the end of this body, and saves.

        A restart goes straight past that loop. Inside epochs a loop over batches goes on to its end, unless ``break``
        leaves it too. With several ranks it is enough if one says so.

        Raises:
            RunError: outside the loops of the run.
        """
        if not self._loops.inside:
            raise RunError("stop", "was called outside the loops of the run, where there is nothing to end")
        self._loops.last = True

    def log(self, **values: Any) -> None:
        """Append a line to ``metrics.jsonl``: ``step``, ``epoch`` and the given numbers.

        After a crash and a resume the file holds each line once: what is behind the checkpoint is cut off, and what the
        script logs again on the way to it is left out. The newest values are shown in the bar, and those of the
        checkpoint decide which one is the best.

        Raises:
            StateError: for a value that is no number.
            CheckpointError: if the disk did not take the line, and ``on_save_error`` is not ``"warn"``.
        """
        if self._loops.way.goal is None:
            self._bar.show(self._folder.log({"step": self.step, "epoch": self.epoch}, values))

    def check(self) -> Forgotten:
        """Return what is alive in the process, looks like part of a training, and is not tracked."""
        return forgotten(self._contents.things())

    def close(self) -> None:
        """Wait for the last checkpoint and give the directory back; the end of the process does it too.

        Raises:
            RunError: if the script had loops, and none of them was the one in which the checkpoint lies.
            CheckpointError: if the last save failed, and ``on_save_error`` is not ``"warn"``.
        """
        self._release()
        if (missed := self._loops.way.missed()) and sys.exc_info()[0] is None:
            raise RunError("close", missed)

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r}, seed={self.seed}, epoch={self.epoch}, step={self.step})"

    def _while(self, loop: Iterator[T]) -> Iterator[T]:
        """Iterate over a loop, as long as which the run is held, also by a script that keeps no name for it."""
        yield from loop

    def _release(self) -> None:
        if _living.get(self.directory) is self:
            del _living[self.directory]
        self._end.detach()
        self._folder.close()

    def _opened(self, keep: int | Keep, on_save_error: OnError, ranks: Ranks) -> Folder:
        if (before := _living.get(self.directory)) is not None:
            if before._loops.inside:
                raise RunError(str(self.directory), "this process is inside a loop of the run there; end that first")
            before._release()
        keep = Keep(keep) if isinstance(keep, int) else keep
        return Folder(self.directory, keep=keep, on_error=on_save_error, ranks=ranks)

    def _find(self, waive: Collection[str], on_change: OnChange) -> None:
        """Find the checkpoint to resume from, and forget what was logged behind it."""
        found = self._folder.newest(exactly="metrics" not in waive)
        if found is None:
            return
        checkpoint, record = found
        if record.seed != self.seed and "seed" not in waive:
            advice = "take another directory for another run, or pass waive=['seed']"
            raise StateError([Problem("seed", repr(record.seed), str(self.seed), advice)])
        compare(record.environment, on_change)
        self._folder.cut(record)
        self._loops.resume(checkpoint, record.run)


def _end(folder: Folder, way: Way) -> None:
    folder.close()
    if missed := way.missed():
        warnings.warn(missed, SamerunWarning, stacklevel=2)
