"""Iterable datasets: each item under the key of its place in its shard, and resumed by their own state or by replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import torch
from torch.utils.data import get_worker_info

from samerun.data.generators import Generators, Moved
from samerun.data.keys import Keys
from samerun.data.maker import Maker, refuse_stop
from samerun.data.position import Shard, Shards
from samerun.data.stateful import has_state
from samerun.errors import LoaderError

__all__ = ["IterableCollate", "IterableMaker"]

# In a row, when items are made again.
_MOST_FAILURES = 1000


class IterableMaker(Maker):
    """Stands for an iterable dataset.

    Args:
        dataset, collate_fn, keys, rngs: see :class:`Maker`.
        generators: those found in the training process, for use there and in its forks; another process finds its own.
        beginnings: the state the dataset had before it was first opened in this process, once it is known.
        first_shard: the number of this rank's first shard.
        start: where in the epoch the shards begin, for the first opening.
        workers: how many shards this rank has.
    """

    def __init__(
        self,
        *,
        dataset: Any,
        collate_fn: Callable[[Any], Any],
        keys: Keys,
        rngs: tuple[str, ...] | None,
        generators: Generators,
        beginnings: list[Any] | None = None,
        first_shard: int,
        start: Shards,
        workers: int,
    ) -> None:
        super().__init__(dataset, collate_fn, keys, rngs)
        self._generators = generators
        self.beginnings = [] if beginnings is None else beginnings
        self.first_shard = first_shard
        self.start: Shards | None = start
        # Shared with the workers: which epoch the next opening is of, and how many items each has made again.
        with torch.inference_mode(False):
            self.epoch = torch.zeros((), dtype=torch.int64, device="cpu").share_memory_()
            self.replayed = torch.zeros(workers, dtype=torch.int64, device="cpu").share_memory_()
        self.shard: _OpenShard | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "shard": None}

    def __iter__(self) -> _OpenShard:
        """Open this process's shard of an epoch; called once for each epoch by torch's fetcher."""
        info = get_worker_info()
        worker = 0 if info is None else info.id
        begin = Shard(worker)
        for shard in self.start.shards if self.start is not None else ():
            begin = shard if shard.worker == worker else begin
        self.start = None
        self.shard = _OpenShard(self, int(self.epoch), begin)
        return self.shard


class _OpenShard:
    """One shard in one epoch: an iterator over its items."""

    def __init__(self, maker: IterableMaker, epoch: int, begin: Shard) -> None:
        self._maker = maker
        self._epoch, self._begin = epoch, begin
        self._shard = maker.first_shard + begin.worker
        self._key_of = maker.keys.shard(epoch, self._shard)
        self._items = begin.items
        self._done = begin.done
        self._iterator: Iterator[Any] | None = None
        self._watch: dict[str, Moved] | None = None
        self.first_of_batch = self._items

    def __iter__(self) -> _OpenShard:
        return self

    def __next__(self) -> Any:
        if self._done:
            raise StopIteration
        generators = self._maker.generators
        if self._watch is None:
            torch.set_num_threads(1)  # whatever an item before has set
            generators.refresh()
            self._watch = generators.watch()
        if self._iterator is not None:
            return self._make(self._iterator)
        self._iterator = self._open()
        item = self._make(self._iterator)
        # What a dataset makes while it is iterated is its own state, and must not be keyed in the next epoch either.
        generators.leave_out_new()
        return item

    def _open(self) -> Iterator[Any]:
        maker, begin = self._maker, self._begin
        dataset = maker.dataset
        maker.generators.key(maker.keys.opening(self._epoch, self._shard))
        if callable(set_epoch := getattr(dataset, "set_epoch", None)):
            set_epoch(self._epoch)
        if has_state(dataset):
            # One that goes on where it was would begin an epoch wherever its worker has left the one before.
            if not maker.beginnings:
                maker.beginnings.append(_state_before(dataset))
            state = maker.beginnings[0] if begin.state is None else begin.state
            if state is not None:
                dataset.load_state_dict(deepcopy(state))
        iterator: Iterator[Any] = iter(dataset)
        if begin.state is not None and has_state(iterator):
            iterator.load_state_dict(deepcopy(begin.state))  # type: ignore[attr-defined]
        if begin.state is None and begin.items:
            self._replay(iterator)
        return iterator

    def _replay(self, iterator: Iterator[Any]) -> None:
        self._items, failures, received = 0, 0, self._begin.items
        while self._items < received:
            try:
                self._make(iterator)
            except StopIteration:
                reason = f"ended after {self._items} items when they were made again, of which the loop had {received}"
                raise LoaderError(f"shard {self._shard} of epoch {self._epoch}", reason) from None
            except Exception:
                # The loop went on past it, as long as there was an end to it.
                failures += 1
                if failures > _MOST_FAILURES:
                    raise
            else:
                failures = 0
                self._maker.replayed[self._begin.worker] += 1

    def _make(self, iterator: Iterator[Any]) -> Any:
        key = self._key_of(self._items)
        self._maker.generators.key(key)
        try:
            item = next(iterator)
        except StopIteration:
            self._done = True
            self._refuse_draws()
            raise
        except Exception as error:
            error.add_note(
                f"samerun: while making item {self._items} of shard {self._shard} of epoch {self._epoch}, key {key}"
            )
            raise
        self._items += 1
        return item

    def _refuse_draws(self) -> None:
        if self._watch:
            self._maker.generators.refuse_draws(self._watch, f"shard {self._shard} of epoch {self._epoch}")

    def close_batch(self, data: Any) -> tuple[Shard, Any]:
        """Collate a batch under a key of its own, and say how far the shard is behind it."""
        maker = self._maker
        maker.generators.key(maker.keys.shard_batch(self._epoch, self._shard, self.first_of_batch))
        try:
            collated = maker.collate_fn(data)
        except Exception as error:
            error.add_note(
                f"samerun: while collating the batch from item {self.first_of_batch} of shard {self._shard} on,"
                f" of epoch {self._epoch}"
            )
            refuse_stop(error, "collate_fn")
            raise
        self._refuse_draws()
        self._watch = None
        self.first_of_batch = self._items
        source: Any = next((part for part in (self._iterator, maker.dataset) if has_state(part)), None)
        # A copy: the queue to the training process pickles it later, when the dataset has moved on.
        state = None if source is None else deepcopy(source.state_dict())
        return Shard(self._begin.worker, self._items, self._done, state), collated


def _state_before(dataset: Any) -> Any:
    try:
        return deepcopy(dataset.state_dict())
    except Exception:  # many have no state before they are iterated, and then none to go on from
        return None


class IterableCollate:
    """Stands for ``collate_fn`` where torch collates."""

    def __init__(self, maker: IterableMaker) -> None:
        self._maker = maker

    def __call__(self, data: Any) -> tuple[Shard, Any]:
        assert self._maker.shard is not None
        return self._maker.shard.close_batch(data)
