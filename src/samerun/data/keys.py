"""The keys of a loader: every seed it needs, derived by path from (seed, name)."""

from __future__ import annotations

from collections.abc import Callable

from samerun.derive import derive, deriver

__all__ = ["Keys"]


class Keys:
    """Seeds of everything a loader draws, each a pure function of ``(seed, name)`` and its own path.

    All are in ``[0, 2**64)``.
    """

    def __init__(self, seed: int, name: str) -> None:
        self._path = (seed, "data", name)

    def items(self, epoch: int) -> Callable[[int], int]:
        """Return the function that gives the key of an item of the epoch by its ordinal."""
        return deriver(*self._path, "item", epoch)

    def whole(self, epoch: int, ordinal: int) -> int:
        """Return the key of the items, from an ordinal on, of a dataset that makes a whole batch at once."""
        return derive(*self._path, "items", epoch, ordinal)

    def batch(self, epoch: int, ordinal: int) -> int:
        """Return the key under which the batch that begins with an ordinal is collated."""
        return derive(*self._path, "batch", epoch, ordinal)

    def shard(self, epoch: int, shard: int) -> Callable[[int], int]:
        """Return the function that gives the key of the n-th item of one shard of an iterable dataset."""
        return deriver(*self._path, "shard", epoch, shard)

    def shard_batch(self, epoch: int, shard: int, item: int) -> int:
        """Return the key under which the batch that begins with an item of one shard is collated."""
        return derive(*self._path, "shard batch", epoch, shard, item)

    def opening(self, epoch: int, shard: int) -> int:
        """Return the key under which one shard of an iterable dataset is opened by ``iter``."""
        return derive(*self._path, "open", epoch, shard)

    def order(self, epoch: int) -> int:
        """Return the key of the order: of the permutation, or of the stream in which a sampler is iterated."""
        return derive(*self._path, "order", epoch)

    def taking(self, epoch: int, taken: int) -> int:
        """Return the key under which a sampler with a state of its own goes on after ``taken`` entries."""
        return derive(*self._path, "take", epoch, taken)

    def workers(self, epoch: int) -> int:
        """Return the seed of the generator that torch draws the workers' ``base_seed`` from."""
        return derive(*self._path, "workers", epoch)
