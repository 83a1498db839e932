"""What differs between map-style and iterable datasets: how an epoch is begun, and what its state is compared by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import BatchSampler

from samerun.data.generators import Generators, wanted
from samerun.data.guard import GuardedBatchSampler, unguarded
from samerun.data.iterable import IterableCollate, IterableMaker
from samerun.data.iterators import View, iterate
from samerun.data.keys import Keys
from samerun.data.maker import Collate, MapMaker, WorkerStart
from samerun.data.plan import Plan, length_of, plan_for
from samerun.data.position import Place, Position, Progress, ShardProgress, Shards
from samerun.data.replay import Replay
from samerun.data.request import Message
from samerun.data.split import Split, ranks
from samerun.data.state import VERSION, Identity

if TYPE_CHECKING:
    from samerun.data.loader import DataLoader

__all__ = ["IterableStyle", "Kind", "MapStyle", "keys_of"]


class Kind(ABC):
    """How the epochs of a loader are begun. Holds no loader, so that dropping one ends its workers at once."""

    #: The place where an epoch begins.
    beginning: Place

    @abstractmethod
    def identity(self, loader: DataLoader[Any]) -> Identity:
        """Return what a state is compared by."""

    def limit(self, loader: DataLoader[Any]) -> int | None:
        """Return how many entries of the sampler an epoch has, over all ranks, if that is known."""
        return None

    @abstractmethod
    def begin(
        self, loader: DataLoader[Any], epoch: int, place: Place, workers: Any
    ) -> tuple[Progress | ShardProgress, Any]:
        """Return the progress of an epoch, and torch's iterator over it.

        Args:
            loader: whose epoch.
            epoch: its number.
            place: where in it to begin.
            workers: torch's iterator of the epoch before, if its workers live on; else ``None``.
        """

    def opening(self, place: Place) -> AbstractContextManager[object]:
        """Return the context of waiting for the first batch after :meth:`begin`."""
        return nullcontext()


class _Feed:
    """Stands for the index sampler: gives torch the requests of the epoch that was begun last."""

    def begin(self, plan: Plan, progress: Progress, place: Position) -> None:
        self._plan, self._progress, self._place = plan, progress, place

    def __iter__(self) -> Iterator[Message]:
        progress = self._progress
        for request, mark in self._plan.requests(progress.epoch, self._place):
            if progress.sent(request.batch, mark):
                yield request.message()

    def __len__(self) -> int:
        return len(self._plan)


class MapStyle(Kind):
    """Datasets that are asked for items by index."""

    beginning = Position()

    def __init__(self) -> None:
        self._feed: _Feed | None = None

    def plan(
        self, loader: DataLoader[Any], split: Split | None = None, samplers: tuple[Any, Any] | None = None
    ) -> Plan:
        """Return the plan of this rank, or of another part, or with copies of sampler and batch sampler."""
        split = split or _split(loader)
        sampler: Any
        batch_sampler: Any
        sampler, batch_sampler = samplers or (loader.sampler, loader.batch_sampler)
        if batch_sampler is None:
            return plan_for(sampler, 1, keys_of(loader), split, drop_last=False)
        if type(batch_sampler) in _PLAIN:
            size, drop_last = batch_sampler.batch_size, batch_sampler.drop_last
            return plan_for(batch_sampler.sampler, size, keys_of(loader), split, drop_last=drop_last)
        return plan_for(batch_sampler, None, keys_of(loader), split, drop_last=False)

    def identity(self, loader: DataLoader[Any]) -> Identity:
        plan = self.plan(loader)
        drop_last = bool(getattr(loader.batch_sampler, "drop_last", False))
        rank, world_size = ranks(loader.rank, loader.world_size)
        # Where batches come out of order, or have sizes of each rank's own, each rank is at a place of its own.
        out_of_order = world_size > 1 and not loader.in_order and loader.num_workers > 0
        own = out_of_order or (plan.dealt and plan.batch_size is None)
        return Identity(
            version=VERSION,
            seed=loader.seed,
            name=loader.name,
            sampler=plan.sampler,
            length=length_of(loader.dataset),
            # What is dealt out is rounded to the ranks, which may be others next time.
            entries=None if plan.random_access or plan.dealt else plan.length,
            batch_size=plan.batch_size,
            drop_last=drop_last,
            rank=rank if own else None,
            world_size=world_size if own else None,
        )

    def limit(self, loader: DataLoader[Any]) -> int | None:
        return self.plan(loader).length

    def maker(self, loader: DataLoader[Any]) -> MapMaker:
        """Return what makes the items."""
        batched = loader.batch_sampler is not None
        collate_fn = unguarded(loader.collate_fn)
        return MapMaker(loader.dataset, collate_fn, keys_of(loader), wanted(loader.rngs), batched=batched)

    def begin(self, loader: DataLoader[Any], epoch: int, place: Place, workers: Any) -> tuple[Progress, Any]:
        assert isinstance(place, Position)
        progress = Progress(epoch, place)
        if workers is None or self._feed is None:
            self._feed = _Feed()
        self._feed.begin(self.plan(loader), progress, place)
        maker = self.maker(loader)
        view = _view(loader, epoch, maker, Collate(maker), _index_sampler=self._feed, first_worker=0)
        if workers is None:
            return progress, iterate(view, progress, maker.lend)
        workers.reset(view, progress)
        return progress, workers


class IterableStyle(Kind):
    """Datasets that are iterated."""

    beginning = Shards()

    def __init__(self) -> None:
        self._generators: Generators | None = None
        self._maker: IterableMaker | None = None
        self._beginnings: list[Any] = []

    def identity(self, loader: DataLoader[Any]) -> Identity:
        rank, world_size = ranks(loader.rank, loader.world_size)
        return Identity(
            version=VERSION,
            seed=loader.seed,
            name=loader.name,
            sampler=type(loader.dataset).__name__,
            length=None,
            entries=None,
            batch_size=loader.batch_size,
            drop_last=loader.drop_last,
            workers=max(loader.num_workers, 1),
            rank=rank,
            world_size=world_size,
        )

    def begin(self, loader: DataLoader[Any], epoch: int, place: Place, workers: Any) -> tuple[ShardProgress, Any]:
        assert isinstance(place, Shards)
        progress = ShardProgress(epoch, place, max(loader.num_workers, 1))
        if workers is not None and place != self.beginning:
            workers._shutdown_workers()  # only new ones can be begun in the middle
            workers = None
        if workers is None or self._maker is None:
            self._maker = self._new_maker(loader, place)
        maker = self._maker
        maker.epoch.fill_(epoch)
        view = _view(loader, epoch, maker, IterableCollate(maker), first_worker=place.next_worker)
        if workers is not None:
            workers.reset(view, progress)
            return progress, workers
        return progress, iterate(view, progress, maker.lend)

    def opening(self, place: Place) -> AbstractContextManager[object]:
        assert isinstance(place, Shards)
        again = sum(shard.items for shard in place.shards if shard.state is None and not shard.done)
        if not again or self._maker is None:
            return nullcontext()
        return Replay(type(self._maker.dataset).__name__, again, self._maker.replayed)

    def _new_maker(self, loader: DataLoader[Any], place: Shards) -> IterableMaker:
        rank, _ = ranks(loader.rank, loader.world_size)
        shards = max(loader.num_workers, 1)
        collate_fn = unguarded(loader.collate_fn)
        if self._generators is None:
            self._generators = Generators(wanted(loader.rngs), dataset=loader.dataset, collate_fn=collate_fn)
        else:
            self._generators.discover()
        return IterableMaker(
            dataset=loader.dataset,
            collate_fn=collate_fn,
            keys=keys_of(loader),
            generators=self._generators,
            beginnings=self._beginnings,
            rngs=wanted(loader.rngs),
            first_shard=rank * shards,
            start=place,
            workers=shards,
        )


# What torch makes of batch_size=, whose samples can be dealt out to ranks one by one.
_PLAIN = (BatchSampler, GuardedBatchSampler)


def keys_of(loader: DataLoader[Any]) -> Keys:
    """Return the keys of a loader."""
    return Keys(loader.seed, loader.name)


def _split(loader: DataLoader[Any]) -> Split:
    return Split(*ranks(loader.rank, loader.world_size), loader.uneven)


def _view(loader: DataLoader[Any], epoch: int, maker: Any, collate: Any, **replaced: object) -> View:
    return View(
        loader,
        dataset=maker,
        collate_fn=collate,
        worker_init_fn=WorkerStart(loader.dataset, loader.worker_init_fn),
        # torch draws the workers' base_seed from it, which would come from the training process's generator otherwise.
        generator=torch.Generator(torch.get_default_device()).manual_seed(keys_of(loader).workers(epoch)),
        **replaced,
    )
