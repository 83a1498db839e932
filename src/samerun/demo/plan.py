"""The plan of the experiment: which processes run, what is compared, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Part", "Session", "plan"]


@dataclass(frozen=True)
class Session:
    """What one process does: train from one epoch to another.

    Attributes:
        name: of the session and of its folder.
        first, stop: the epochs ``first`` to ``stop - 1`` are trained, of ``epochs`` in the schedule.
        resume: the session whose checkpoint is loaded, or ``None`` to start.
        with_rng: whether the generators' states are restored too.
    """

    name: str
    seed: int
    epochs: int
    first: int
    stop: int
    resume: str | None = None
    with_rng: bool = False
    num_workers: int = 0
    persistent_workers: bool = False

    @property
    def trained(self) -> int:
        """How many epochs the session trains."""
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
    """Return the parts of the experiment for a run of that many epochs."""
    half = epochs // 2

    def session(name: str, first: int, stop: int, **options: object) -> Session:
        return Session(name, seed, epochs, first, stop, **options)  # type: ignore[arg-type]

    straight = session("straight", 0, epochs)
    first_half = session("first-half", 0, half)
    parts = [
        Part(
            "straight, again", straight, (session("straight-again", 0, epochs),), True, "same seed, same thread count"
        ),
        Part(
            "resumed: weights, optimizer, schedule",
            straight,
            (first_half, session("weights-only", half, epochs, resume="first-half")),
            False,
            "the generators start over, so order and augmentation of the first epochs come again",
        ),
        Part(
            "resumed: and samerun's RNG state",
            straight,
            (first_half, session("with-rng", half, epochs, resume="first-half", with_rng=True)),
            True,
            "every generator goes on where it stopped",
        ),
    ]
    for name, title, persistent, reason in (
        ("workers", "the same with num_workers=2", False, "each epoch seeds new workers from the restored generator"),
        (
            "persistent",
            "the same with persistent_workers",
            True,
            "the workers' own generators were lost with them, and new workers take a seed that living ones do without",
        ),
    ):
        workers = {"num_workers": 2, "persistent_workers": persistent}
        before = session(f"{name}-first-half", 0, half, **workers)
        after = session(f"{name}-with-rng", half, epochs, resume=before.name, with_rng=True, **workers)
        parts.append(Part(title, session(name, 0, epochs, **workers), (before, after), not persistent, reason))
    return tuple(parts)
