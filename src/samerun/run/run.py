"""A training that goes on exactly where it stopped, whatever stopped it."""

from __future__ import annotations

import os
import signal
import warnings
import weakref
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from os import PathLike
from pathlib import Path
from time import monotonic
from typing import Any, Literal, SupportsIndex, get_args

from samerun.checkpoint import Checkpoint, Keep, Store, Writer
from samerun.data.generators import lent
from samerun.derive import derive
from samerun.errors import Problem, RunError, SamerunWarning, StateError
from samerun.rng import Stream, capture, restore, seed_everything
from samerun.rng.ownership import stack
from samerun.rng.seeding import check_seed
from samerun.run.contents import Contents
from samerun.run.cursor import Cursor
from samerun.run.forgotten import Forgotten, forgotten
from samerun.run.metrics import Metrics
from samerun.run.owner import Owner
from samerun.run.progress import Bar
from samerun.run.ranks import Ranks
from samerun.run.schedule import SaveEvery, Schedule, seconds
from samerun.run.seeding import SeedingRefused
from samerun.run.signals import Signals
from samerun.run.surroundings import OnChange, compare, here
from samerun.run.tracked import Tracked

__all__ = ["Run", "at_boundary"]

Rng = Literal["stream", "global"]

#: Called with the run at every boundary, for tests that stop a run at a certain place.
at_boundary: list[Callable[[Run], None]] = []

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
        on_save_error: Literal["raise", "warn"] = "raise",
        waive: Collection[str] = (),
        progress: bool | None = None,
    ) -> None:
        if rng not in get_args(Rng):
            raise ValueError(f"rng must be 'stream' or 'global', not {rng!r}")
        self.directory = Path(directory).absolute()
        self.seed = check_seed(seed, 2**32)
        self.step = 0
        self.epoch = 0
        self._schedule = Schedule(save_every, accumulate)
        self._deadline = None if max_time is None else monotonic() + seconds(max_time)
        self._signals = Signals(signals)
        self._contents = Contents(waive, self.seed)
        self._ranks = Ranks()
        rank = self._ranks.rank
        # Each rank draws numbers of its own, such as those of dropout; they begin with one model all the same.
        self._stream = Stream(self.seed, name=f"run.{rank}" if rank else "run") if rng == "stream" else None
        self._bar = Bar(progress, self._ranks.rank)
        self._section = self._loop = -1
        self._inside = False
        self._open_pass: Generator[Any] | None = None
        self._place = Cursor()
        self._asked = False
        self._stopped = False
        self._environment = here()
        self._found: Checkpoint | None = None
        # Where the checkpoint lies, until the script has come there.
        self._goal: Cursor | None = None
        self._open(keep, on_save_error)
        try:
            self._find(waive, on_environment_change)
            seed_everything(self.seed)
        except BaseException:
            self.close()
            raise
        _living[self.directory] = self

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
        if self._found is not None:
            try:
                self._contents.load(self._found.state["tracked"], things)
            except BaseException:
                self._contents.remove(added)
                raise

    def epochs(self, count: int) -> Iterator[int]:
        """Yield the epochs from where the run is to ``count - 1``; behind each body it saves, if it is time.

        Raises:
            RunError: inside another loop of the run, or if the checkpoint lies in a loop that is not reached.
        """
        if not self._enter_section():
            return
        with self._section_of_the_script():
            self.epoch = 0 if self._goal is None else self._goal.epoch
            self._restore_between_loops()
            while self.epoch < count:
                self._loop = -1
                yield self.epoch
                if self._open_pass is not None:  # left by break, while a variable, such as a bar, still holds it
                    self._open_pass.close()
                    self._open_pass = None
                self._refuse_missed_loop()
                self.epoch += 1
                self._place = Cursor()
                self._boundary("epoch", final=self.epoch >= count)
            self._writer.wait()

    def batches(self, loader: Iterable[Any], *, steps: int | None = None) -> Iterator[Any]:
        """Yield the batches of a loader: one pass over it, or with ``steps`` so many, over the ends of its epochs.

        A torch DataLoader is replaced by what :func:`samerun.exact` makes of it, always the same. A loader that is not
        tracked is, as ``loader-0``; a second one is refused, because nothing would tell them apart after a resume.

        Raises:
            TypeError: for a loader that cannot be made exact.
            RunError: inside another loop over batches, and for a second loader that is not tracked.
        """
        if self._inside:
            yield from self._pass(loader, steps, final=False)
        elif self._enter_section():
            with self._section_of_the_script():
                self._loop, before = -1, self.step
                self._restore_between_loops()
                yield from self._pass(loader, steps, final=True)
                self._refuse_missed_loop()
                if steps is None and self.step > before:
                    self._boundary("epoch", final=True)
                self._writer.wait()

    def save(self) -> None:
        """Save at the end of the body this is called in; outside all loops at once, and wait until it is on the disk.

        Outside, the place that is saved is the end of the loop before. Does nothing where the script has not yet come
        to the place of the checkpoint it resumes from.
        """
        if self._goal is not None:
            return
        if self._inside:
            self._asked = True
            return
        with self._stream or nullcontext():
            self._save()
        self._writer.wait()

    def log(self, **values: Any) -> None:
        """Append a line to ``metrics.jsonl``: ``step``, ``epoch`` and the given numbers.

        After a crash and a resume the file holds each line once: what is behind the checkpoint is cut off, and what the
        script logs again on the way to it is left out. The newest values are shown in the bar, and those of the
        checkpoint decide which one is the best.

        Raises:
            StateError: for a value that is no number.
        """
        if self._metrics is not None and self._goal is None:
            self._metrics.log({"step": self.step, "epoch": self.epoch}, values)
            self._bar.show(self._metrics.last)

    def check(self) -> Forgotten:
        """Return what is alive in the process, looks like part of a training, and is not tracked."""
        return forgotten(self._contents.things())

    def close(self) -> None:
        """Wait for the last checkpoint and give the directory back; the end of the process does it too."""
        if _living.get(self.directory) is self:
            del _living[self.directory]
        self._release()

    def __repr__(self) -> str:
        return f"Run({str(self.directory)!r}, seed={self.seed}, epoch={self.epoch}, step={self.step})"

    def _open(self, keep: int | Keep, on_save_error: Literal["raise", "warn"]) -> None:
        if (before := _living.get(self.directory)) is not None:
            if before._inside:
                raise RunError(str(self.directory), "this process is inside a loop of the run there; end that first")
            before.close()
        keep = Keep(keep) if isinstance(keep, int) else keep
        if self.directory.exists() and not self.directory.is_dir():
            raise RunError(str(self.directory), "is a file, and a run needs a directory")
        self.directory.mkdir(parents=True, exist_ok=True)
        ranks, first = self._ranks, self._ranks.rank == 0
        self._store = Store(self.directory, rank=ranks.rank, world_size=ranks.world_size, barrier=ranks.barrier)
        self._writer = Writer(self._store, keep=keep, on_error=on_save_error)
        owner = Owner(self.directory) if first else None
        try:
            self._metrics = Metrics(self.directory / "metrics.jsonl") if first else None
        except BaseException:
            if owner is not None:
                owner.release()
            raise
        self._release = weakref.finalize(self, _release, os.getpid(), self._writer, self._metrics, owner)
        if first:
            self._store.clean()
        ranks.meet()

    def _find(self, waive: Collection[str], on_change: OnChange) -> None:
        """Find the checkpoint to resume from, and forget what was logged behind it."""
        found = self._store.load_newest()
        if found is None:
            if self._metrics is not None:
                self._metrics.cut(0)
            return
        for passed_over in found.passed_over:
            warnings.warn(f"a newer checkpoint cannot be used, {passed_over}", SamerunWarning, stacklevel=4)
        goal, meta = Cursor.of(found.meta.get("run")), found.meta
        if meta["seed"] != self.seed and "seed" not in waive:
            advice = "take another directory for another run, or pass waive=['seed']"
            raise StateError([Problem("seed", repr(meta["seed"]), str(self.seed), advice)])
        compare(meta["environment"], on_change)
        if self._metrics is not None:
            self._metrics.cut(meta["metrics_bytes"], exactly="metrics" not in waive)
            self._metrics.last = meta["metrics"]
        self._found, self._goal = found, goal
        self.step, self.epoch = goal.step, goal.epoch

    def _enter_section(self) -> bool:
        """Count a loop at the top of the script; return whether it is not behind the checkpoint."""
        if self._inside:
            raise RunError("epochs", "was called inside another loop of the run; loops over batches go inside epochs")
        if self._stopped:
            reason = "the loop before was stopped by a signal, and another one would be the next part of the script"
            raise RunError("epochs", f"{reason}; make the run again, with Run(...) and track(...), to go on in it")
        self._section += 1
        if self._goal is not None and self._section > self._goal.section:
            reason = f"the checkpoint lies in loop {self._goal.section} of the script, which was not reached"
            raise RunError("epochs", f"{reason}; the script was changed, or left that loop before")
        return self._goal is None or self._section == self._goal.section

    @contextmanager
    def _section_of_the_script(self) -> Iterator[None]:
        with ExitStack() as around:
            around.enter_context(self._stream or nullcontext())
            around.enter_context(SeedingRefused(self._may_seed))
            around.enter_context(self._signals)
            around.enter_context(self._bar)
            self._inside = True
            try:
                yield
            finally:
                self._inside = False

    def _may_seed(self) -> bool:
        return lent.depth > 0 or stack.is_isolated(self._stream)

    def _pass(self, loader: Iterable[Any], steps: int | None, *, final: bool) -> Iterator[Any]:
        if self._open_pass is not None:
            raise RunError("batches", "was called inside another loop over batches; iterate the inner loader itself")
        kept = self._contents.loader(loader)
        self._loop += 1
        place, resumed = Cursor(loop=self._loop, pass_epoch=kept.epoch()), self._goal is not None
        if goal := self._goal:
            assert goal.loop is not None  # or it was restored before the body
            if self._loop < goal.loop:
                return
            self._restore()
            place = goal
            # A loader of samerun that has given its last batch says that it is in the next epoch.
            if place.over or (steps is None and kept.epoch() != place.pass_epoch):
                self._place = place
                return
            if place.taken == steps:
                kept.leave()
        self._place = place
        self._bar.begin(self.epoch, place.taken, steps, kept.thing)
        self._open_pass = batches = self._steps(kept, steps, place, resumed=resumed, final=final)
        try:
            yield from batches
        finally:
            if self._open_pass is batches:
                self._open_pass = None

    def _steps(
        self, loader: Tracked, steps: int | None, place: Cursor, *, resumed: bool, final: bool
    ) -> Generator[Any]:
        """Yield batches until a pass is over, or so many steps; the rest of a pass that was resumed may be empty."""
        while steps is None or place.taken < steps:
            empty, resumed = not resumed, False
            for batch in loader.begin(derive(self.seed, "begin", self.step, self._loop)):
                empty = False
                try:
                    yield batch
                except GeneratorExit:  # the body left the loop; its step is behind all the same
                    self.step += 1
                    place.taken, place.over = place.taken + 1, True
                    raise
                self.step += 1
                place.taken += 1
                self._bar.advance()
                self._boundary("step", final=final and place.taken == steps)
                if place.taken == steps:
                    return
            if steps is None:
                place.over = True
                return
            if empty:
                missing = steps - place.taken
                raise RunError("batches", f"the loader gave no batch in a whole pass, and {missing} are missing")

    def _refuse_missed_loop(self) -> None:
        if self._goal is not None:
            reason = f"the checkpoint lies in loop {self._goal.loop} over batches of epoch {self._goal.epoch}"
            raise RunError("batches", f"{reason}, which was not reached; the script was changed")

    def _restore_between_loops(self) -> None:
        """Restore everything, if the checkpoint does not lie in a loop over batches."""
        if self._goal is not None and self._goal.loop is None:
            self._restore()

    def _restore(self) -> None:
        """Restore everything: objects first, then loaders, the generators last."""
        assert self._found is not None
        state = self._found.state
        self._contents.load_all(state["tracked"])
        restore(state["rng"], strict="rng" not in self._contents.waive)
        self._found = self._goal = None

    def _boundary(self, kind: Literal["step", "epoch"], *, final: bool = False) -> None:
        for hook in at_boundary:
            hook(self)
        late = self._deadline is not None and monotonic() >= self._deadline and not final
        due = self._asked or final or self._schedule.due(self.step, kind)
        due, stop = self._ranks.agree(due, late or self._signals.received is not None)
        stop = stop and (final or self._schedule.whole(self.step))
        if due or stop:
            self._save()
        if stop:
            self._stopped = True
            self._writer.wait()
            self._signals.answer()
            raise SystemExit(124)

    def _save(self) -> None:
        cursor = replace(self._place, step=self.step, section=max(self._section, 0), epoch=self.epoch)
        state = {"tracked": self._contents.states(), "rng": capture().state_dict()}
        meta = {
            "epoch": self.epoch,
            "seed": self.seed,
            "run": cursor.state_dict(),
            "environment": self._environment,
        }
        if self._metrics is not None:
            meta |= {"metrics_bytes": self._metrics.sync(), "metrics": self._metrics.last}
        self._writer.save(self.step, state, meta)
        self._asked = False
        self._schedule.saved()
        self._bar.saved()


def _release(process: int, writer: Writer, metrics: Metrics | None, owner: Owner | None) -> None:
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
