"""Where a loop is in an epoch: counted by what it has received, whatever was prefetched and in whatever order."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Mark", "Place", "Position", "Progress", "Shard", "ShardProgress", "Shards"]


class Position(NamedTuple):
    """A place in an epoch of a map-style dataset, the same on every rank.

    Attributes:
        samples: how many samples of the global order lie before it.
        taken: how many entries of the sampler lie before it: samples, or batches of a batch sampler.
        sampler: the sampler's own state, for one that has it.
        received: the first samples of batches behind it that were received already; only with ``in_order=False``.
    """

    samples: int = 0
    taken: int = 0
    sampler: Any = None
    received: tuple[int, ...] = ()


class Shard(NamedTuple):
    """How far one worker's part of an iterable dataset was received.

    Attributes:
        worker: the worker's number; 0 without workers.
        items: how many items were received.
        done: whether there are no more.
        state: the dataset's own state behind them, for one that has it.
    """

    worker: int
    items: int = 0
    done: bool = False
    state: Any = None


class Shards(NamedTuple):
    """A place in an epoch of an iterable dataset, on one rank.

    Attributes:
        next_worker: whose batch comes next, if it has one.
        shards: one for each worker that has given anything.
    """

    next_worker: int = 0
    shards: tuple[Shard, ...] = ()


Place = Position | Shards


class Mark(NamedTuple):
    """Where the loop is once it has received a certain batch and all before it.

    Attributes:
        before: how many samples lie before the batch.
        after: the position behind it.
        last: whether nothing follows in the epoch.
    """

    before: int
    after: Position
    last: bool


class Progress:
    """What the loop has received of one epoch of a map-style dataset.

    ``sent`` is told of each batch in order when it is asked for, ``received`` when the loop gets it, and ``failed``
    when the loop gets an error in its place.

    Args:
        epoch: the epoch.
        start: where in it the loop begins.
    """

    def __init__(self, epoch: int, start: Position) -> None:
        self.epoch = epoch
        self.over = False
        self._start = start
        self._here = start
        self._next = 0
        self._sent: dict[int, Mark] = {}
        self._early: dict[int, Mark] = {}
        self._failed: list[int] = []

    def sent(self, batch: int, mark: Mark) -> bool:
        """Note what receiving a batch will mean; return whether it is still to be made."""
        self._sent[batch] = mark
        if mark.before not in self._start.received:
            return True
        self._early[batch] = self._sent.pop(batch)
        self._advance()
        return False

    def received(self, batch: int) -> None:
        """Note that the loop received a batch."""
        for number in (*self._failed, batch):
            self._early[number] = self._sent.pop(number)
        self._failed.clear()
        self._advance()

    def failed(self, batch: int | None = None) -> None:
        """Note that a batch failed, or whatever was asked for; it is behind a loop that goes on to another one."""
        self._failed += [*self._sent] if batch is None else [batch]

    def _advance(self) -> None:
        while (mark := self._early.pop(self._next, None)) is not None:
            self._here, self.over = mark.after, mark.last
            self._next += 1

    def end(self) -> None:
        """Note that nothing follows."""
        self.over = True

    @property
    def place(self) -> Position:
        """The place before which everything was received."""
        early = {mark.before for mark in self._early.values()}
        early.update(before for before in self._start.received if before >= self._here.samples)
        return self._here._replace(received=tuple(sorted(early)))


class ShardProgress:
    """What the loop has received of one epoch of an iterable dataset."""

    def __init__(self, epoch: int, start: Shards, workers: int) -> None:
        self.epoch = epoch
        self.over = False
        self._next = start.next_worker
        self._workers = workers
        self._shards = {shard.worker: shard for shard in start.shards}

    def failed(self, batch: object = None) -> None:
        """Note that a batch failed: its items do not count."""

    def received(self, shard: Shard) -> None:
        """Note that the loop received a batch, which carries how far its shard is."""
        self._shards[shard.worker] = shard
        self._next = (shard.worker + 1) % self._workers
        self.over = len(self._shards) == self._workers and all(found.done for found in self._shards.values())

    def end(self) -> None:
        """Note that nothing follows."""
        self.over = True

    @property
    def place(self) -> Shards:
        """The place before which everything was received."""
        return Shards(self._next, tuple(self._shards[worker] for worker in sorted(self._shards)))
