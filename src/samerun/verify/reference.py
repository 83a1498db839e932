"""What the first run was like: all others must come out like it, and are planned by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samerun.errors import TraceError
from samerun.tracing.reader import Trace
from samerun.verify.life import Life

__all__ = ["Reference"]


@dataclass(frozen=True, slots=True)
class Reference:
    """The first run.

    Attributes:
        life: the run.
        steps: how many optimizer steps it has.
        epochs: the steps before which the loader that trains began a pass, the first one first.
        workers: how many workers its loaders have, each number once.
        threads: how many threads torch computed with, the last number that was set.
        saves: how many steps were behind when something was saved.
        ranks: how many processes trained together.
        environment: what it was run on, as :func:`samerun.environment` says it.
    """

    life: Life
    steps: int
    epochs: tuple[int, ...]
    workers: frozenset[int]
    threads: int
    saves: tuple[int, ...]
    ranks: int
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def trace(self) -> Path:
        """Its trace."""
        return self.life.processes[0].trace

    @classmethod
    def of(cls, life: Life) -> Reference:
        """Read what is needed of a run from what was recorded of it.

        Raises:
            TraceError: if it trained nothing.
        """
        first = life.processes[0]
        with Trace(first.trace) as trace:
            loaders = [note.value for note in trace.notes("loader")]
            threads = [note.value["intra_op"] for note in trace.notes("threads")]
            passes = [(str(note.value["loader"]), note.step) for note in trace.notes("iter")]
            steps = trace.last_step + 1
            if not steps:
                raise TraceError(str(first.trace), "has no finished step")
            ranks = int(trace.meta.get("world_size") or 1)
            found = dict(trace.meta["environment"])
        if threads:
            found["threads"] = {**found["threads"], "intra_op": threads[-1]}
        return cls(
            life,
            steps,
            _epochs(passes, steps),
            frozenset(int(loader.get("num_workers", 0)) for loader in loaders),
            threads[-1] if threads else 0,
            tuple(sorted(set(first.saves))),
            ranks,
            found,
        )

    def first_save(self, since: int) -> int | None:
        """Return the first save that has at least so many steps behind it."""
        return next((step for step in self.saves if step >= since), None)


def _epochs(passes: list[tuple[str, int]], steps: int) -> tuple[int, ...]:
    """Return where passes began that steps were made in, of the loader with the most of them."""
    starts: dict[str, list[int]] = {}
    for number, (loader, step) in enumerate(passes):
        until = passes[number + 1][1] if number + 1 < len(passes) else steps
        if until > step:
            starts.setdefault(loader, []).append(step)
    longest = max(starts.values(), key=len, default=[])
    return tuple(sorted(set(longest)))
