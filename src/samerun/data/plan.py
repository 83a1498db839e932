"""The batches of an epoch, from any place on: which items each has, in which order, on this rank."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from torch.utils.data import RandomSampler, SequentialSampler

from samerun.data.entries import Entries
from samerun.data.keys import Keys
from samerun.data.order import Permutation
from samerun.data.position import Mark, Position
from samerun.data.request import Request
from samerun.data.split import Split

__all__ = ["OrderPlan", "Plan", "SampledBatches", "SampledItems", "length_of", "own_ranks", "plan_for"]

# So many indices are computed at once: enough for NumPy to be fast, few enough to be had in no time.
_WINDOW = 4096

Step: TypeAlias = tuple[Request, Mark]
_KeyOf: TypeAlias = Callable[[int], int]
# What of a group of a sampler's entries is this rank's: indices, ordinals, and how many samples the group has in all.
_Deal: TypeAlias = tuple[list[Any], range, int]


class Plan(ABC):
    """The batches of any epoch on one rank.

    Attributes:
        sampler: the type of what decides on the order, in words.
        batch_size: samples in a global batch, over all ranks; ``None`` if the sampler decides.
        length: entries of an epoch over all ranks: samples, or batches of a batch sampler; ``None`` if it is not known.
        dealt: whether the sampler gives this rank's part only.
        random_access: whether an epoch can be entered anywhere without walking up to the place.
    """

    sampler: str
    batch_size: int | None
    length: int | None
    random_access: bool = False
    dealt: bool = False

    @abstractmethod
    def requests(self, epoch: int, start: Position) -> Iterator[Step]:
        """Yield the requests of an epoch from a place on, each with what receiving it will mean."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of batches of a whole epoch on this rank."""


class OrderPlan(Plan):
    """Batches of the dataset's own order, shuffled or not, computed for any place without the places before it."""

    random_access = True

    def __init__(
        self, sampler: Any, split: Split, batch_size: int, *, drop_last: bool, shuffle_key: _KeyOf | None
    ) -> None:
        self.sampler = type(sampler).__name__
        self.length = len(sampler)
        self.batch_size: int = batch_size * split.world_size
        self._split, self._local, self._drop_last, self._shuffle_key = split, batch_size, drop_last, shuffle_key

    def __len__(self) -> int:
        return self._batches(self._split, self.length or 0)

    def _batches(self, split: Split, samples: int) -> int:
        return samples // self.batch_size if self._drop_last else -(-split.count(samples) // self._local)

    def requests(self, epoch: int, start: Position) -> Iterator[Step]:
        assert self.length is not None
        local, total = self._local, self.batch_size
        left = max(self.length - start.samples, 0)
        ordinals = self._split.ordinals(start.samples, left)
        batches = self._batches(self._split, left)
        # Of the rank with the most, so that all are at one place as long as there is something to be made.
        most = self._batches(replace(self._split, rank=0), left)
        index_of = self._order(epoch)
        at_once = max(_WINDOW // local, 1)
        window: list[int] = []
        for batch in range(batches):
            place = batch % at_once * local
            if place == 0:
                window = index_of(ordinals[batch * local : (batch + at_once) * local])
            mine = ordinals[batch * local : (batch + 1) * local]
            before = start.samples + batch * total
            after = min(before + total, self.length)
            mark = Mark(before, Position(after, after), last=batch == most - 1)
            yield Request(epoch, batch, mine, window[place : place + local]), mark

    def _order(self, epoch: int) -> Callable[[range], list[int]]:
        length = self.length or 1
        permutation = None if self._shuffle_key is None else Permutation(length, self._shuffle_key(epoch))

        def indices(ordinals: range) -> list[int]:
            places = np.arange(ordinals.start, ordinals.stop, ordinals.step, dtype=np.int64)
            found: list[int] = (places % length if permutation is None else permutation(places)).tolist()
            return found

        return indices


class _Sampled(Plan):
    """Batches of somebody's sampler."""

    def __init__(self, sampler: Any, keys: Keys, split: Split, group: int) -> None:
        self.sampler = type(sampler).__name__
        self._sampler, self._keys = sampler, keys
        own = own_ranks(sampler)
        # A sampler that knows the ranks gives this rank's part only.
        self.dealt = own is not None
        self._split = Split(*(own or (split.rank, split.world_size)), split.uneven)
        self._group = group if self.dealt else group * self._split.world_size
        # Not asked of a sampler that only becomes one when it is iterated.
        self._entries = length_of(sampler)

    def requests(self, epoch: int, start: Position) -> Iterator[Step]:
        world = self._split.world_size
        skip = len(range(self._split.rank, start.taken, world)) if self.dealt else start.taken
        entries = Entries(self._sampler, self._keys, epoch, start, skip)
        here, batch = start, 0
        group = entries.take(self._group)
        while deal := self._deal(group, here.samples):
            indices, ordinals, samples = deal
            skip += len(group)
            taken = here.taken + len(group) * (world if self.dealt else 1)
            after = Position(here.samples + samples, taken, entries.state())
            following, last = None, False
            # Only where this may have been the last does the sampler run ahead of what was asked for.
            if self._entries is None or self._entries - skip < self._group:
                following = entries.take(self._group)
                last = self._is_over(following)
            yield Request(epoch, batch, ordinals, indices), Mark(here.samples, after, last)
            if last:
                return
            group = entries.take(self._group) if following is None else following
            here, batch = after, batch + 1

    @abstractmethod
    def _is_over(self, group: list[Any]) -> bool:
        """Return whether no rank gets anything of a group."""

    @abstractmethod
    def _deal(self, group: list[Any], samples: int) -> _Deal | None:
        """Return this rank's part of a group of entries that begins at an ordinal, or ``None`` if it gets none."""


class SampledItems(_Sampled):
    """Batches of what a sampler gives one by one."""

    def __init__(self, sampler: Any, keys: Keys, split: Split, batch_size: int, *, drop_last: bool) -> None:
        super().__init__(sampler, keys, split, batch_size)
        self.batch_size = batch_size * self._split.world_size
        self.length = self._entries and self._entries * (self._split.world_size if self.dealt else 1)
        self._local, self._drop_last = batch_size, drop_last

    def __len__(self) -> int:
        entries = len(self._sampler)
        if self._drop_last:
            return entries // self._group
        mine = entries if self.dealt else self._split.count(entries)
        return (mine + self._local - 1) // self._local

    def _is_over(self, group: list[Any]) -> bool:
        if self._drop_last:
            return len(group) < self._group
        return (len(group) if self.dealt else self._split.most(len(group))) == 0

    def _deal(self, group: list[Any], samples: int) -> _Deal | None:
        world = self._split.world_size
        if self._drop_last and len(group) < self._group:
            return None
        if self.dealt:
            mine, total = group, len(group) * world
            ordinals = range(samples + self._split.rank, samples + self._split.rank + total, world)
        else:
            ordinals, total = self._split.ordinals(samples, len(group)), len(group)
            mine = [group[(ordinal - samples) % total] for ordinal in ordinals]
        return (mine, ordinals, total) if mine else None


class SampledBatches(_Sampled):
    """The batches a batch sampler gives; whole batches are dealt out to the ranks in turn."""

    batch_size = None

    def __init__(self, sampler: Any, keys: Keys, split: Split) -> None:
        super().__init__(sampler, keys, split, 1)
        self.length = self._entries and self._entries * (self._split.world_size if self.dealt else 1)

    def __len__(self) -> int:
        entries = len(self._sampler)
        return entries if self.dealt else self._split.count(entries)

    def _is_over(self, group: list[Any]) -> bool:
        return (len(group) if self.dealt else self._split.most(len(group))) == 0

    def _deal(self, group: list[Any], samples: int) -> _Deal | None:
        world, rank = self._split.world_size, self._split.rank
        if not group:
            return None
        if self.dealt:
            mine = list(group[0])
            return mine, range(samples + rank, samples + rank + len(mine) * world, world), len(mine) * world
        if len(self._split.ordinals(0, len(group))) == 0:
            return None
        sizes = [len(batch) for batch in group]
        first = samples + sum(sizes[place % len(group)] for place in range(rank))
        mine = list(group[rank % len(group)])
        return mine, range(first, first + len(mine)), sum(sizes)


def plan_for(sampler: Any, batch_size: int | None, keys: Keys, split: Split, *, drop_last: bool) -> Plan:
    """Return the plan for batches of a sampler's samples, or with ``batch_size=None`` for those of a batch sampler.

    ``RandomSampler`` without replacement and ``SequentialSampler`` are what ``shuffle=True`` and ``False`` make, and
    are replaced by orders that can be entered anywhere; subclasses and all others are iterated.
    """
    if batch_size is None:
        return SampledBatches(sampler, keys, split)
    if type(sampler) is SequentialSampler:
        return OrderPlan(sampler, split, batch_size, drop_last=drop_last, shuffle_key=None)
    if type(sampler) is RandomSampler and not sampler.replacement and sampler.num_samples == len(sampler.data_source):
        return OrderPlan(sampler, split, batch_size, drop_last=drop_last, shuffle_key=keys.order)
    return SampledItems(sampler, keys, split, batch_size, drop_last=drop_last)


# What samplers that know their ranks call them: torch's and most others, detectron2's, Accelerate's.
_RANKS = (
    ("rank", "num_replicas"),
    ("rank", "world_size"),
    ("_rank", "_world_size"),
    ("process_index", "num_processes"),
)


def own_ranks(sampler: Any) -> tuple[int, int] | None:
    """Return the rank and the world size a sampler was made for, or ``None`` if it gives the same on every rank.

    Looks also at the samplers inside it.
    """
    seen: list[Any] = []
    parts = [sampler]
    while parts:
        part = parts.pop()
        if part is None or any(part is before for before in seen):
            continue
        seen.append(part)
        for names in _RANKS:
            rank, world_size = (getattr(part, name, None) for name in names)
            if isinstance(rank, int) and isinstance(world_size, int):
                return rank, world_size
        parts += [getattr(part, "sampler", None), getattr(part, "batch_sampler", None)]
    return None


def length_of(part: Any) -> int | None:
    """Return the length of a sampler or a dataset, or ``None`` if it does not say."""
    try:
        return len(part)
    except (TypeError, NotImplementedError):
        return None
