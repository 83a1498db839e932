"""The loops of a run: each goes on where the checkpoint lies, saves at boundaries, and stops when it is asked to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any, Literal, TypeVar

from samerun.checkpoint import Checkpoint
from samerun.data.generators import lent
from samerun.derive import derive
from samerun.errors import RunError, SamerunWarning
from samerun.rng import Stream, capture, restore
from samerun.rng.ownership import stack
from samerun.run.contents import Contents
from samerun.run.cursor import Cursor
from samerun.run.folder import Folder
from samerun.run.persistent import PersistentTold
from samerun.run.progress import Bar
from samerun.run.ranks import Ranks
from samerun.run.record import Record
from samerun.run.schedule import Schedule
from samerun.run.seeding import SeedingRefused
from samerun.run.signals import Signals
from samerun.run.surroundings import here
from samerun.run.tracked import Tracked
from samerun.run.way import Way

__all__ = ["Loop", "Loops", "at_boundary"]

T_co = TypeVar("T_co", covariant=True)

#: Called at every boundary, for tests that stop a run at a certain place.
at_boundary: list[Callable[[Loops], object]] = []


class Loop(Iterable[T_co]):
    """Begins the loop when it is iterated, and holds no part of it.

    So the loop ends where ``for`` leaves it, also while something still holds this, such as a bar around it.

    Args:
        begin: begins the loop.
    """

    def __init__(self, begin: Callable[[], Iterator[T_co]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[T_co]:
        return self._begin()


class Loops:
    """What :class:`samerun.Run` yields, and when it saves meanwhile.

    Args:
        seed: of the run.
        stream: entered while a loop runs; ``None`` for the global generators as they are.
        contents: what is saved and restored.
        folder: where to.
        schedule: when.
        signals: noted while a loop runs, and answered at the next boundary.
        ranks: what agrees on it.
        bar: shows it.

    Attributes:
        step, epoch: how many are behind; in a body the number of the one that runs.
        way: where the script is.
        found: the checkpoint it is on its way to, until it has come there.
        inside: whether a loop runs.
        left: whether the last loop was left before its end, so that the run is in the middle of it.
        asked: whether to save at the end of the body.
        last: whether the loop ends there.
    """

    def __init__(
        self,
        *,
        seed: int,
        stream: Stream | None,
        contents: Contents,
        folder: Folder,
        schedule: Schedule,
        signals: Signals,
        ranks: Ranks,
        bar: Bar,
    ) -> None:
        self.step = self.epoch = 0
        self.way = Way()
        self.inside = self.left = self.asked = self.last = False
        self._seed = seed
        self._stream = stream
        self._contents = contents
        self._folder = folder
        self._schedule = schedule
        self._signals = signals
        self._ranks = ranks
        self._bar = bar
        self.found: Checkpoint | None = None
        self._open_pass: Generator[Any] | None = None
        self._place = Cursor()
        self._stopped = False
        self._persistent = PersistentTold(self._may_draw)

    def resume(self, checkpoint: Checkpoint, place: Cursor) -> None:
        """Let the loops up to a place be behind, and go on from there."""
        self.found, self.way.goal = checkpoint, place
        self.step, self.epoch = place.step, place.epoch

    def epochs(self, count: int) -> Iterator[int]:
        """Yield the epochs, as :meth:`samerun.Run.epochs` says."""
        if not self._enter_section(count):
            return
        with self._section():
            self.epoch = 0 if self.way.goal is None else self.way.goal.epoch
            self._restore_between_loops()
            while self.epoch < count and not self.last:
                self.way.loop = -1
                yield self.epoch
                if self._open_pass is not None:  # left by break, while a variable still holds its iterator
                    self._open_pass.close()
                    self._open_pass = None
                self.way.refuse_missed_loop()
                self.epoch += 1
                self._place = Cursor()
                self._boundary("epoch", outermost=True, final=self.epoch >= count)
            self._folder.wait()

    def batches(self, loader: Iterable[Any], steps: int | None) -> Iterator[Any]:
        """Yield the batches, as :meth:`samerun.Run.batches` says."""
        if self.inside:
            yield from self._pass(loader, steps, outermost=False)
        elif self._enter_section(None):
            with self._section():
                self.way.loop, before = -1, self.step
                self._restore_between_loops()
                yield from self._pass(loader, steps, outermost=True)
                self.way.refuse_missed_loop()
                if steps is None and self.step > before and not self.last:
                    self._boundary("epoch", outermost=True, final=True)
                self._folder.wait()

    def _enter_section(self, epochs: int | None) -> bool:
        """Count a loop at the top of the script; return whether it is not behind the checkpoint."""
        if self.inside:
            raise RunError("epochs", "was called inside another loop of the run; loops over batches go inside epochs")
        if self._stopped:
            reason = "the loop before was stopped by a signal, and another one would be the next part of the script"
            raise RunError("epochs", f"{reason}; make the run again, with Run(...) and track(...), to go on in it")
        self.last = self.left = False
        return self.way.enter_section(epochs)

    @contextmanager
    def _section(self) -> Iterator[None]:
        with ExitStack() as around:
            around.enter_context(self._stream or nullcontext())
            around.enter_context(SeedingRefused(self._may_draw))
            around.enter_context(self._persistent)
            around.enter_context(self._signals)
            around.enter_context(self._bar)
            self.inside = True
            try:
                yield
            except BaseException:
                self.left = not self._stopped
                if self.left and self.asked:
                    text = "run.save() was called in a body that was left before its end, so nothing was saved there"
                    warnings.warn(f"{text}; in place of break call run.stop()", SamerunWarning, stacklevel=4)
                raise
            finally:
                self.inside = self.asked = False

    def _may_draw(self) -> bool:
        return lent.depth > 0 or stack.is_isolated(self._stream)

    def _pass(self, loader: Iterable[Any], steps: int | None, *, outermost: bool) -> Iterator[Any]:
        if self._open_pass is not None:
            raise RunError("batches", "was called inside another loop over batches; iterate the inner loader itself")
        kept = self._contents.loader(loader)
        if not self.way.enter_loop(kept.name, steps):
            return
        place, goal = Cursor(loop=self.way.loop, pass_epoch=kept.epoch(), loader=kept.name), self.way.goal
        if goal is not None:
            self._restore()
            place = goal
        place.steps = steps
        self._place = place
        # A loader of samerun that has given its last batch says that it is in the next epoch.
        if goal is not None and (place.over or (steps is None and kept.epoch() != place.pass_epoch)):
            return
        if goal is not None and (place.taken == steps or (outermost and self.last)):
            kept.leave()
            return
        self._bar.begin(self.epoch, place.taken, steps, kept.thing)
        self._open_pass = batches = self._steps(kept, steps, place, resumed=goal is not None, outermost=outermost)
        try:
            yield from batches
        finally:
            if self._open_pass is batches:
                self._open_pass = None

    def _steps(
        self, loader: Tracked, steps: int | None, place: Cursor, *, resumed: bool, outermost: bool
    ) -> Generator[Any]:
        """Yield batches until a pass is over, or so many steps; the rest of a pass that was resumed may be empty."""
        while steps is None or place.taken < steps:
            empty, resumed = not resumed, False
            for batch in loader.begin(derive(self._seed, "begin", self.step, self.way.loop)):
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
                self._boundary("step", outermost=outermost, final=outermost and place.taken == steps)
                if place.taken == steps or (outermost and self.last):
                    return
            if steps is None:
                place.over = True
                return
            if empty:
                missing = steps - place.taken
                raise RunError("batches", f"the loader gave no batch in a whole pass, and {missing} are missing")

    def _restore_between_loops(self) -> None:
        """Restore everything, if the checkpoint does not lie in a loop over batches."""
        if self.way.goal is not None and self.way.goal.loop is None:
            self._restore()

    def _restore(self) -> None:
        """Restore everything: objects first, then loaders, the generators last."""
        assert self.found is not None
        assert self.way.goal is not None
        state = self.found.state
        self._contents.load_all(state["tracked"])
        restore(state["rng"], strict="rng" not in self._contents.waive)
        self._schedule.saved(self.step)
        self.last = self.last or self.way.goal.last
        self.found = self.way.goal = None

    def _boundary(self, kind: Literal["step", "epoch"], *, outermost: bool, final: bool = False) -> None:
        """Save where it is time, and stop where it is asked for.

        Args:
            kind: what has ended.
            outermost: whether that is a body of the loop at the top of the script.
            final: whether the loop ends with it.
        """
        for hook in at_boundary:
            hook(self)
        final = final or (outermost and self.last)
        late = self._schedule.late() and not final
        due = self.asked or final or self._schedule.due(self.step, kind)
        due, stop, self.last = self._ranks.agree(due, late or self._signals.received is not None, self.last)
        final = final or (outermost and self.last)
        stop = stop and (final or self._schedule.whole(self.step))
        if due or stop or final:
            self._save()
        if stop:
            self._stopped = True
            self._folder.wait()
            self._signals.answer()
            raise SystemExit(124)

    def _save(self) -> None:
        place = replace(
            self._place,
            step=self.step,
            section=self.way.section,
            epoch=self.epoch,
            last=self.last,
            epochs=self.way.epochs,
        )
        self._folder.save(self.step, self._state, Record(self.epoch, self._seed, place, here()))
        self.asked = False
        self._schedule.saved(self.step)
        self._bar.saved()

    def _state(self) -> dict[str, Any]:
        return {"tracked": self._contents.states(), "rng": capture().state_dict()}
