"""The plan of the experiment: which processes run, what is compared, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["INSIDE", "SAVE_EVERY", "STEPS", "Part", "Session", "plan"]

#: Batches in an epoch.
STEPS = 29

#: Batches after which a run is stopped in the middle of an epoch.
INSIDE = 12

#: Steps between two checkpoints of a ``samerun.Run``; the one before the last is surely on the disk inside the epoch.
SAVE_EVERY = 5


@dataclass(frozen=True)
class Session:
    """What one process does: train from one epoch to another.

    Attributes:
        name: of the session and of its folder.
        first, stop: the epochs ``first`` to ``stop - 1`` are trained, of ``epochs`` in the schedule.
        stop_inside: how many batches of epoch ``stop`` are trained on top; the session that resumes goes on after them.
        resume: the session whose checkpoint is loaded, or ``None`` to start.
        with_rng: whether the generators' states are restored too.
        exact: whether the loader is samerun's, whose state is saved and restored, or torch's.
        run: whether a ``samerun.Run`` does the saving and resuming, which needs samerun's loader.
        killed: with ``run``, after how many steps the process kills itself, to be started again; 0 for never.
    """

    name: str
    seed: int
    epochs: int
    first: int
    stop: int
    stop_inside: int = 0
    resume: str | None = None
    with_rng: bool = False
    exact: bool = False
    run: bool = False
    killed: int = 0
    num_workers: int = 0
    persistent_workers: bool = False

    @property
    def trained(self) -> int:
        """How many epochs the session ends."""
        return self.stop - self.first


@dataclass(frozen=True)
class Part:
    """One comparison: a run against the uninterrupted one.

    Attributes:
        title: what is compared.
        reference: the uninterrupted session.
        sessions: the sessions that, one after the other, make the run compared with it.
        same: whether the bits must be the same.
        reason: why it comes out so.
    """

    title: str
    reference: Session
    sessions: tuple[Session, ...]
    same: bool
    reason: str


def plan(epochs: int, seed: int) -> tuple[Part, ...]:
    """Return the parts of the experiment for a run of that many epochs, interrupted after half of them."""
    straight = Session("straight", seed, epochs, 0, epochs)
    first_half = replace(straight, name="first-half", stop=epochs // 2)
    workers = replace(straight, name="workers", num_workers=2)
    exact = replace(straight, name="exact", exact=True)
    without_rng = _resumed(first_half, "without-rng", with_rng=False)
    with_rng = _resumed(first_half, "with-rng", with_rng=True)
    return (
        Part(
            "run twice",
            straight,
            (replace(straight, name="straight-again"),),
            True,
            "one seed, one number of threads",
        ),
        Part(
            "resumed without RNG state",
            straight,
            (first_half, without_rng),
            False,
            "weights, optimizer and schedule came back, but order, augmentation and dropout of the first epochs"
            " come again",
        ),
        Part(
            "resumed with RNG state",
            straight,
            (first_half, with_rng),
            True,
            "every generator goes on where it stopped",
        ),
        _with_workers(
            workers,
            "with RNG state, 2 workers",
            True,
            "each epoch starts new workers and seeds them from the main process's generator, which was restored",
        ),
        _with_workers(
            replace(straight, name="persistent", num_workers=2, persistent_workers=True),
            "with RNG state, 2 persistent workers",
            False,
            "the workers' generators ended with the workers; and starting new ones draws a seed from the main process,"
            " which living ones never do, so even the order differs",
        ),
        Part(
            "2 workers against none",
            straight,
            (workers,),
            False,
            "each worker draws from generators of its own, so the augmentation is another one",
        ),
        Part(
            "samerun's loader, 2 workers",
            exact,
            (replace(exact, name="exact-2", num_workers=2),),
            True,
            "what is drawn for an item follows from its place in the epoch alone; compared with no workers",
        ),
        Part(
            "samerun's loader, 3 workers",
            exact,
            (replace(exact, name="exact-3", num_workers=3),),
            True,
            "the same with any number",
        ),
        _interrupted_inside(exact),
        _killed(replace(exact, name="run", run=True)),
    )


def _resumed(before: Session, name: str, *, with_rng: bool) -> Session:
    return replace(before, name=name, first=before.stop, stop=before.epochs, resume=before.name, with_rng=with_rng)


def _interrupted_inside(straight: Session) -> Part:
    before = replace(
        straight,
        name="inside",
        stop=straight.epochs // 2,
        stop_inside=INSIDE,
        num_workers=2,
        persistent_workers=True,
    )
    after = replace(_resumed(before, "inside-resumed", with_rng=True), stop_inside=0)
    reason = (
        f"stopped {INSIDE} batches into an epoch, with 2 persistent workers; the loader's state is one place in the"
        " epoch, and the workers hold none"
    )
    return Part("samerun's loader, resumed mid-epoch", straight, (before, after), True, reason)


def _killed(straight: Session) -> Part:
    killed = replace(straight, name="run-killed", killed=straight.epochs // 2 * STEPS + INSIDE)
    reason = (
        f"killed by SIGKILL {INSIDE} batches into an epoch and started again with the same command; a checkpoint every"
        f" {SAVE_EVERY} steps holds all that the next process needs"
    )
    return Part("samerun.Run, killed mid-epoch", straight, (killed,), True, reason)


def _with_workers(straight: Session, title: str, same: bool, reason: str) -> Part:
    before = replace(straight, name=f"{straight.name}-first-half", stop=straight.epochs // 2)
    after = _resumed(before, f"{straight.name}-with-rng", with_rng=True)
    return Part(title, straight, (before, after), same, reason)
