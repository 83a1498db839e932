"""Where items are made, in a worker or in the training process: each under its own key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch._utils import ExceptionWrapper
from torch.utils.data import StackDataset, Subset, get_worker_info
from torch.utils.data._utils.collate import default_collate, default_convert

from samerun.data.generators import Generators
from samerun.data.keys import Keys
from samerun.data.request import Made, Message, Request
from samerun.errors import LoaderError
from samerun.rng.numpy import global_bit_generator
from samerun.rng.source import Source

__all__ = ["Collate", "Maker", "MapMaker", "WorkerStart", "at_worker_start", "makes_batches", "refuse_stop"]

#: What is called in each forked worker when it starts, after torch has arranged it: a run's handling of signals.
at_worker_start: list[Callable[[], None]] = []


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


class Maker:
    """Stands for a dataset where torch fetches.

    One for each process; pickling leaves the generators behind, so that each process finds its own.

    Args:
        dataset, collate_fn: the user's.
        keys: of the loader.
        rngs: see :class:`Generators`.
    """

    def __init__(
        self, dataset: Any, collate_fn: Callable[[Any], Any], keys: Keys, rngs: tuple[str, ...] | None
    ) -> None:
        self.dataset = dataset
        self.collate_fn = collate_fn
        self.keys = keys
        self.rngs = rngs
        self._generators: Generators | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_generators": None}

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


class MapMaker(Maker):
    """Stands for a map-style dataset: takes a :class:`Request` and makes its items."""

    def __init__(
        self,
        dataset: Any,
        collate_fn: Callable[[Any], Any],
        keys: Keys,
        rngs: tuple[str, ...] | None,
        *,
        batched: bool = True,
    ) -> None:
        super().__init__(dataset, collate_fn, keys, rngs)
        self._batched = batched
        self.whole = batched and makes_batches(dataset)  # torch asks for single items where batching is off
        self._batches = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_batches": 0}

    def __getitems__(self, message: Message) -> Made:
        """Make what a request asks for: a list of items, or the single item where batching is off."""
        request = Request.of(message)
        try:
            return Made(request, self.made(request))
        except Exception:
            return Made(request, _carried())

    # torch asks by the one or by the other.
    __getitem__ = __getitems__

    def made(self, request: Request) -> Any:
        """Return what is to be collated."""
        items = self.make(request)
        return items if self._batched else items[0]

    def make(self, request: Request) -> list[Any]:
        """Make the items of a request, each under its key.

        Raises:
            LoaderError: if one draws from a source that is not keyed, or a generator came into being too late.
        """
        torch.set_num_threads(1)  # whatever an item before has set
        generators = self.generators
        watched = generators.watch()
        items = self._make(request)
        # A generator that came into being while they were made was not keyed for them.
        if self._found_new() or generators.refresh():
            items = self._make(request)
        if watched:
            what = f"one of the items from {request.ordinals.start} of epoch {request.epoch} on"
            generators.refuse_draws(watched, what)
        return items

    def _found_new(self) -> bool:
        """Look for new generators after the first batch, and less and less often; return whether to make it again.

        Raises:
            LoaderError: for one that was found later, because items made in between may have drawn from it.
        """
        self._batches += 1
        if self._batches & (self._batches - 1):  # not 1, 2, 4, 8, ...
            return False
        before = set(self.generators.keyed)
        found = self.generators.discover()
        if found and self._batches > 1 and (late := set(self.generators.keyed) - before):
            reason = "came into being after the first batch, so items may have drawn from it before it was keyed"
            raise LoaderError(min(late), f"{reason}; make it with the dataset, or in its first item")
        return found

    def _make(self, request: Request) -> list[Any]:
        return self._batch(request) if self.whole else self._items(request)

    def _items(self, request: Request) -> list[Any]:
        dataset, set_key = self.dataset, self.generators.key
        keys = list(map(self.keys.items(request.epoch), request.ordinals))
        items: list[Any] = []
        add = items.append
        try:
            for key, index in zip(keys, request.indices, strict=True):
                set_key(key)
                add(dataset[index])
        except Exception as error:
            place = len(items)
            _note(error, request, place, keys[place])
            refuse_stop(error, "dataset")
            raise
        return items

    def _batch(self, request: Request) -> list[Any]:
        key = self.keys.whole(request.epoch, request.ordinals.start)
        self.generators.key(key)
        try:
            items: list[Any] = self.dataset.__getitems__(request.indices)
        except Exception as error:
            _note(error, request, 0, key)
            refuse_stop(error, "dataset")
            raise
        return items


def _note(error: Exception, request: Request, place: int, key: int) -> None:
    ordinal, index = request.ordinals[place], request.indices[place]
    error.add_note(
        f"samerun: while making item {ordinal} (index {index!r}) of epoch {request.epoch}, key {key};"
        f" loader.reproduce({request.epoch}, {ordinal}) makes it again in the main process"
    )


def _carried() -> ExceptionWrapper:
    """Return the error that is being handled, to be raised where the batch is received; raise it if that is here.

    torch would carry it without saying which batch it is of.
    """
    info = get_worker_info()
    if info is None:
        raise  # noqa: PLE0704  # called by whoever handles it
    return ExceptionWrapper(where=f"in DataLoader worker process {info.id}")


def refuse_stop(error: Exception, where: str) -> None:
    """Raise an error in place of ``StopIteration``, which torch takes for the end of the epoch."""
    if isinstance(error, StopIteration):
        reason = f"raised StopIteration, which would end the epoch without a word; {' '.join(error.__notes__)}"
        raise LoaderError(where, reason) from error


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
            return made.request.batch, self._noted(made)
        except Exception:
            return made.request.batch, _carried()

    def _noted(self, made: Made) -> Any:
        try:
            return self._collate(made)
        except Exception as error:
            request = made.request
            places = f"the batch from item {request.ordinals.start} (index {request.indices[:1]}) on"
            error.add_note(f"samerun: while collating {places}, of epoch {request.epoch}")
            refuse_stop(error, "collate_fn")
            raise

    def _collate(self, made: Made) -> Any:
        request, items = made
        maker = self._maker
        if isinstance(items, ExceptionWrapper):
            return items
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
                items = maker.made(request)  # collate_fn may have changed the others
                maker.generators.key(key)
                data = maker.collate_fn(items)
        if watched:
            what = f"collate_fn, for the batch from item {request.ordinals.start} of epoch {request.epoch} on,"
            maker.generators.refuse_draws(watched, what)
        return data


class WorkerStart:
    """Stands for ``worker_init_fn``: makes a worker like the training process, then calls the user's function.

    A worker that is not forked begins with NumPy's first bit generator and torch's first default dtype; and to its
    code, what stands for the dataset would be the dataset.
    """

    def __init__(self, dataset: Any, function: Callable[[int], None] | None) -> None:
        self._dataset = dataset
        self._function = function
        self._bit_generator = type(global_bit_generator())
        self._dtype = torch.get_default_dtype()

    def __call__(self, worker_id: int) -> None:
        info = get_worker_info()
        if info is None:
            raise LoaderError("worker_init_fn", "was called outside a worker")
        object.__setattr__(info, "dataset", self._dataset)  # it does not let anyone assign
        if type(global_bit_generator()) is not self._bit_generator:
            np.random.set_bit_generator(self._bit_generator())  # type: ignore[attr-defined]  # not in NumPy's stubs
        torch.set_default_dtype(self._dtype)
        for begin in at_worker_start:
            begin()
        if self._function is not None:
            self._function(worker_id)
            torch.set_num_threads(1)  # as in the training process, whatever the function set
