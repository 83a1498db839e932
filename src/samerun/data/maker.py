"""Where items are made, in a worker or in the training process: each under its own key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.utils.data import StackDataset, Subset, get_worker_info
from torch.utils.data._utils.collate import default_collate, default_convert

from samerun.data.generators import Generators
from samerun.data.keys import Keys
from samerun.data.request import Made, Message, Request
from samerun.errors import LoaderError
from samerun.rng.source import Source

__all__ = ["Collate", "MapMaker", "WorkerStart", "makes_batches"]


def makes_batches(dataset: object) -> bool:
    """Return whether a dataset makes a whole batch at once, by a ``__getitems__`` of its own.

    ``Subset`` and ``StackDataset`` have the method for the sake of what is inside them.
    """
    method = getattr(type(dataset), "__getitems__", None)
    if isinstance(dataset, Subset) and method is Subset.__getitems__:
        return makes_batches(dataset.dataset)
    if isinstance(dataset, StackDataset) and method is StackDataset.__getitems__:
        parts = dataset.datasets
        return any(map(makes_batches, parts.values() if isinstance(parts, dict) else parts))
    return callable(getattr(dataset, "__getitems__", None))


class MapMaker:
    """Stands for a map-style dataset where torch fetches: takes a :class:`Request` and makes its items.

    One for each process; pickling leaves the generators behind, so that each process finds its own.
    """

    def __init__(
        self,
        dataset: Any,
        collate_fn: Callable[[Any], Any],
        keys: Keys,
        rngs: tuple[str, ...] | None,
        *,
        batched: bool = True,
    ) -> None:
        self.dataset = dataset
        self.collate_fn = collate_fn
        self.keys = keys
        self.rngs = rngs
        self.whole = batched and makes_batches(dataset)  # torch asks for single items where batching is off
        self._generators: Generators | None = None
        self._settled = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_generators": None, "_settled": False}

    @property
    def generators(self) -> Generators:
        """The generators of this process, found at the first use."""
        if self._generators is None:
            self._generators = Generators(self.rngs, dataset=self.dataset, collate_fn=self.collate_fn)
        return self._generators

    def lend(self) -> Iterable[Source[Any]]:
        """Return the generators that making items uses in this process."""
        self.generators.refresh()
        return self.generators.keyed.values()

    def __getitems__(self, message: Message) -> Made:
        """Make the items of a batch."""
        return Made(request := Request.of(message), self.make(request))

    def __getitem__(self, message: Message) -> Made:
        """Make the single item of a request, where batching is off."""
        return Made(request := Request.of(message), self.make(request)[0])

    def make(self, request: Request) -> list[Any]:
        """Make the items of a request, each under its key.

        Raises:
            LoaderError: if one draws from a source that is not keyed.
        """
        generators = self.generators
        generators.refresh()
        watched = generators.watch()
        items = self._make(request)
        # A generator that came into being with the first item was not keyed for it.
        if not self._settled:
            self._settled = True
            if generators.discover():
                items = self._make(request)
        if watched:
            generators.refuse_draws(
                watched, f"one of the items from {request.ordinals.start} of epoch {request.epoch} on"
            )
        return items

    def _make(self, request: Request) -> list[Any]:
        return self._batch(request) if self.whole else self._items(request)

    def _items(self, request: Request) -> list[Any]:
        dataset, set_key, key_of = self.dataset, self.generators.key, self.keys.items(request.epoch)
        items: list[Any] = []
        add = items.append
        try:
            for ordinal, index in zip(request.ordinals, request.indices, strict=True):
                set_key(key_of(ordinal))
                add(dataset[index])
        except Exception as error:
            place = len(items)
            _note(error, request, place, key_of(request.ordinals[place]))
            _refuse_stop(error)
            raise
        return items

    def _batch(self, request: Request) -> list[Any]:
        key = self.keys.batch(request.epoch, request.ordinals.start)
        self.generators.key(key)
        try:
            items: list[Any] = self.dataset.__getitems__(request.indices)
        except Exception as error:
            _note(error, request, 0, key)
            _refuse_stop(error)
            raise
        return items


def _note(error: Exception, request: Request, place: int, key: int) -> None:
    ordinal, index = request.ordinals[place], request.indices[place]
    error.add_note(
        f"samerun: while making item {ordinal} (index {index!r}) of epoch {request.epoch}, key {key};"
        f" loader.reproduce({request.epoch}, {ordinal}) makes it again in the main process"
    )


def _refuse_stop(error: Exception) -> None:
    """Raise an error in place of ``StopIteration``, which torch takes for the end of the epoch."""
    if isinstance(error, StopIteration):
        reason = f"raised StopIteration, which would end the epoch without a word; {' '.join(error.__notes__)}"
        raise LoaderError("dataset", reason) from error


class Collate:
    """Stands for ``collate_fn`` where torch collates: under the key of the batch."""

    def __init__(self, maker: MapMaker) -> None:
        self._maker = maker
        # torch's own draw nothing, and a key costs as much as an item's.
        self._draws = maker.collate_fn not in (default_collate, default_convert)
        self._settled = False

    def __call__(self, made: Made) -> tuple[int, Any]:
        """Return the number of the batch with it, so that the training process knows which one it received."""
        try:
            return made.request.batch, self._collate(made)
        except Exception as error:
            request = made.request
            places = f"the batch from item {request.ordinals.start} (index {request.indices[:1]}) on"
            error.add_note(f"samerun: while collating {places}, of epoch {request.epoch}")
            raise

    def _collate(self, made: Made) -> Any:
        request, items = made
        maker = self._maker
        if not self._draws:
            return maker.collate_fn(items)
        watched = maker.generators.watch()
        key = maker.keys.batch(request.epoch, request.ordinals.start)
        maker.generators.key(key)
        data = maker.collate_fn(items)
        # As with items: a generator that came into being with the first batch was not keyed for it.
        if not self._settled:
            self._settled = True
            if maker.generators.discover():
                items = maker.make(request)  # collate_fn may have changed the others
                maker.generators.key(key)
                data = maker.collate_fn(items)
        if watched:
            what = f"collate_fn, for the batch from item {request.ordinals.start} of epoch {request.epoch} on,"
            maker.generators.refuse_draws(watched, what)
        return data


class WorkerStart:
    """Stands for ``worker_init_fn``: lets a worker's code see the user's dataset, then calls the user's function."""

    def __init__(self, dataset: Any, function: Callable[[int], None] | None) -> None:
        self._dataset = dataset
        self._function = function

    def __call__(self, worker_id: int) -> None:
        info = get_worker_info()
        if info is None:
            raise LoaderError("worker_init_fn", "was called outside a worker")
        # The information cannot be changed, and the dataset in it would be the one that stands for the user's.
        object.__setattr__(info, "dataset", self._dataset)
        if self._function is not None:
            self._function(worker_id)
            torch.set_num_threads(1)  # as in the training process, whatever the function set
