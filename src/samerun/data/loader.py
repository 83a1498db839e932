"""The loader: torch's DataLoader whose batches do not depend on workers, ranks or history."""

from __future__ import annotations

import operator
import warnings
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, SupportsIndex, TypeVar

import torch
from torch.utils.data import BatchSampler, Dataset, IterableDataset, IterDataPipe, MapDataPipe, Sampler
from torch.utils.data import DataLoader as TorchDataLoader

from samerun.data import inspection
from samerun.data.epoch import Epoch
from samerun.data.follow import Following
from samerun.data.generators import wanted
from samerun.data.guard import GuardedBatchSampler, GuardedCollate, refuse_rebuilt, unguarded
from samerun.data.inspection import Explanation, Report
from samerun.data.kinds import IterableStyle, Kind, MapStyle
from samerun.data.position import Place, Progress, ShardProgress
from samerun.data.split import Uneven, check_uneven, ranks
from samerun.data.state import pack, unpack
from samerun.errors import SamerunWarning, SeedError
from samerun.rng.seeding import check_seed, last_seed

__all__ = ["DataLoader"]

T_co = TypeVar("T_co", covariant=True)

# Those that were iterated; two of one seed and name share their draws.
_iterated: weakref.WeakSet[DataLoader[Any]] = weakref.WeakSet()


class DataLoader(TorchDataLoader[T_co]):
    """A torch DataLoader that gives the same batches whatever the workers, ranks and interruptions, bit for bit.

    Takes every argument of :class:`torch.utils.data.DataLoader` with the same defaults, and these keywords:

    Args:
        seed: the root of all randomness, an integer in ``[0, 2**64)``; by default that of the last
            :func:`~samerun.seed_everything`.
        name: enters every key, so that two loaders of one seed do not share draws; give each its own.
        drop_last: whether the last batch is left out if it is incomplete over all ranks together.
        rank, world_size: this process's place among several; by default those of ``torch.distributed``, else of the
            environment (``RANK``, ``WORLD_SIZE``), looked up when the loader is iterated. A sampler with ranks of its
            own, such as ``DistributedSampler``, is left to deal out itself.
        rngs: which global sources are keyed for each item, such as ``"torch"`` or ``("python", "numpy")``; by default
            all. Fewer are faster. A draw from one that is left out is an error. Private ones are always keyed.
        uneven: what happens where the samples do not go round the ranks. ``"pad"``, as torch's ``DistributedSampler``
            does, repeats some; ``"drop"`` leaves the last few out; ``"short"`` gives some ranks fewer.

    - *Items*: what Python's, NumPy's and torch's global generators, devices' and registered ones, and the private ones
      found inside ``dataset`` and ``collate_fn`` give while an item is made depends on ``(seed, name, epoch, ordinal)``
      alone, where the ordinal is the item's place in the epoch's order over all ranks. ``collate_fn`` is keyed by
      batch; so is a dataset with its own ``__getitems__``. :meth:`explain` lists what is keyed, :meth:`check` finds
      what is not.
    - *Order*: ``shuffle=True`` is a pure function of ``(seed, name, epoch)``, computed for any place in no time and
      constant memory; it is not torch's order, and ``generator=`` is not drawn from. Other samplers are iterated in a
      stream of their own that begins at the epoch's key, and ``set_epoch`` is called on them.
    - *Epochs*: each ``iter(loader)`` begins the next, from 0. Leaving the loop ends the epoch, unless something else
      still holds the iterator (``batches = iter(loader)``). :meth:`set_epoch` chooses.
    - *State*: see :meth:`state_dict`.
    - *This process*: making, iterating and asking for the state leave its generators and its number of threads as they
      are. Items are made with one intra-op thread of torch everywhere.
    - *Iterable datasets*: keyed by ``(seed, name, epoch, shard, n)``, a shard being one worker on one rank, so another
      number of workers gives other items, as it does with torch.

    What is not covered: randomness outside those generators (C libraries, the operating system, the clock), state that
    a dataset carries from item to item, NumPy's BLAS threads.

    Raises:
        SeedError: where there is no seed, or one out of range.
        ValueError: for a rank outside the world, an unknown source or an unknown choice.
        TypeError: for a DataPipe, which seeds and deals out itself.

    >>> import random
    >>> class Noise(torch.utils.data.Dataset):
    ...     def __len__(self):
    ...         return 6
    ...     def __getitem__(self, index):
    ...         return index + random.random()
    >>> loader = DataLoader(Noise(), batch_size=3, shuffle=True, seed=42)
    >>> first, second = loader
    >>> loader.load_state_dict({**loader.state_dict(), "epoch": 0, "samples": 3, "taken": 3})
    >>> torch.equal(next(iter(loader)), second)
    True
    """

    def __init__(  # noqa: PLR0917  # torch's own arguments, in its order
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: torch.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        seed: SupportsIndex | None = None,
        name: str = "train",
        rank: int | None = None,
        world_size: int | None = None,
        rngs: str | Iterable[str] | None = None,
        uneven: Uneven = "pad",
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, not {name!r}")
        if isinstance(dataset, IterDataPipe | MapDataPipe):
            raise TypeError("a DataPipe seeds and deals out itself; give a Dataset or an IterableDataset")
        refuse_rebuilt(batch_sampler)
        check_uneven(uneven)
        self.seed = _seed(seed)
        self.name = name
        self.rank = rank
        self.world_size = world_size
        self.rngs = wanted(rngs)
        self.uneven = uneven
        ranks(rank, world_size)
        super().__init__(
            dataset,
            batch_size,
            shuffle,
            sampler,
            batch_sampler,
            num_workers,
            unguarded(collate_fn),
            pin_memory,
            drop_last,
            timeout,
            worker_init_fn,
            multiprocessing_context,
            generator,
            prefetch_factor=prefetch_factor,
            persistent_workers=persistent_workers,
            pin_memory_device=pin_memory_device,
            in_order=in_order,
        )
        self._kind: Kind = IterableStyle() if isinstance(dataset, IterableDataset) else MapStyle()
        if batch_sampler is None and isinstance(self.batch_sampler, BatchSampler) and isinstance(self._kind, MapStyle):
            # torch refuses the assignment, to protect from what this is not: another order.
            self.__dict__["batch_sampler"] = GuardedBatchSampler.over(self.batch_sampler)
        self.collate_fn = GuardedCollate(self.collate_fn)
        self._made_sampler = sampler is None
        self._follow()
        self._version = 0  # of what was loaded: a living iterator goes on from a newer one
        self._loaded: tuple[int, Place] | None = None
        self._chosen: int | None = None
        self._confirmed = False  # whether the newest iterator, before its first batch, was told that its epoch is right
        self._start: Place = self._kind.beginning  # of the newest iterator
        self._progress: Progress | ShardProgress | None = None
        self._current: Callable[[], Epoch[T_co] | None] = _nothing
        self._run: object = None  # the samerun.Run it belongs to, if any

    def __iter__(self) -> Epoch[T_co]:  # type: ignore[override]  # torch's type is private
        self._warn_of_twins()
        epoch = Epoch(self)
        self._current = weakref.ref(epoch)
        return epoch

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch on this rank, wherever the loop is."""
        if isinstance(self._kind, MapStyle):
            return len(self._kind.plan(self))
        return super().__len__()

    def set_epoch(self, epoch: int) -> None:
        """Let the next ``iter`` begin this epoch; a position loaded inside this very epoch stays.

        A living iterator that has given nothing yet goes to this epoch too, because Lightning says which epoch it is
        after it has called ``iter``. It says it to the sampler: ``loader.sampler.set_epoch`` is this function, unless
        the sampler is the user's.

        Raises:
            TypeError: for something else than an integer.
            ValueError: for a negative one.
        """
        epoch = _epoch(epoch)
        if self._loaded is not None and self._loaded[0] == epoch:
            return
        self._loaded, self._chosen, self._confirmed = None, epoch, False
        progress = self._progress
        if progress is None or self._current() is None or not self._untouched():
            return
        if progress.epoch == epoch:
            self._chosen, self._confirmed = None, True
        else:
            self._loaded, self._chosen = (epoch, self._kind.beginning), None
            self._version += 1

    def state_dict(self) -> dict[str, Any]:
        """Return where the loop is: a JSON-able dict of constant size, always with the same keys.

        It counts what the loop has received, not what was prefetched. Inside an epoch, that is while its iterator is
        alive and not exhausted, it is the place before the next batch; otherwise the beginning of the next epoch. With
        several iterators it is that of the newest. Allowed at any time; changes nothing.

        What is captured: epoch, position, and the states of a sampler or an iterable dataset that have ``state_dict``
        and ``load_state_dict``. What is not: anything else inside dataset and sampler; the items need no more.

        The same on every rank for a map-style dataset received in order, if the sampler gives all ranks equally many;
        each rank's own otherwise.

        Raises:
            StateError: for a state of a sampler or a dataset that is not JSON.
        """
        epoch, place = self._where()
        return pack(self._kind.identity(self), epoch, place)

    def load_state_dict(self, state_dict: Mapping[str, Any], *, waive: Collection[str] = ()) -> None:
        """Go on from a state, in whatever process and with whatever workers it was saved.

        A living iterator goes on from there at its next batch; without one the next ``iter`` does.

        Args:
            state_dict: what :meth:`state_dict` gave.
            waive: what may differ although the run will then be another one: ``"seed"``, ``"name"``, ``"length"``,
                ``"entries"`` (of the sampler), ``"batch_size"`` (of all ranks together), ``"sampler"``,
                ``"drop_last"``, ``"version"``, and for an iterable dataset ``"workers"``, ``"rank"`` and
                ``"world_size"``.

        Raises:
            StateError: naming everything that differs, with both values. Nothing has been changed.
            ValueError: for something unknown to waive.
        """
        self._loaded = unpack(self._kind.identity(self), state_dict, waive, self._kind.limit(self))
        self._version += 1

    def explain(self) -> Explanation:
        """Return what is keyed and how, to be printed: sources by name and path, the order, and what to know."""
        return inspection.explain(self)

    def check(self, items: int = 16) -> Report:
        """Make the first items several times and compare bits: again, in another order, and in another process.

        Finds what no key reaches: generators inside C libraries, ``os.urandom``, the clock, caches, string hashes. Best
        called before the loop, when nothing is cached. Everything is made in processes of its own, started as the
        loader starts workers, so that nothing changes in this one.

        Raises:
            LoaderError: for a draw from a source that ``rngs`` leaves out.
        """
        return inspection.check(self, items)

    def reproduce(self, epoch: int, ordinal: int) -> Any:
        """Make one item again in this process, for the debugger; leaves generators as they are.

        Raises:
            IndexError: if the epoch has no such item, or not on this rank.
            TypeError: for an iterable dataset, whose items cannot be asked for.
        """
        return inspection.reproduce(self, _epoch(epoch), ordinal)

    def __getstate__(self) -> dict[str, Any]:
        # Where the loop is survives, the loop does not.
        idle = {"_current": _nothing, "_iterator": None, "_progress": None, "_loaded": self._where(), "_kind": None}
        return {**self.__dict__, **idle}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._kind = IterableStyle() if isinstance(self.dataset, IterableDataset) else MapStyle()
        self._follow()

    def _follow(self) -> None:
        if self._made_sampler:
            Following.let(self)

    def _begin(self) -> tuple[Progress | ShardProgress, Any]:
        """Begin where :meth:`state_dict` says, or after the living epoch; return its progress and torch's iterator."""
        epoch, place = self._loaded or self._following()
        reuse = self.persistent_workers and self.num_workers > 0
        progress, inner = self._kind.begin(self, epoch, place, self._living_workers() if reuse else None)
        self._iterator = inner if reuse else None
        self._loaded, self._chosen, self._confirmed = None, None, False
        self._progress, self._start = progress, place
        return progress, inner

    def _living_workers(self) -> Any:
        """Return torch's iterator of the epoch before, unless one of its workers was killed, as Ctrl-C does."""
        workers: Any = self._iterator
        if workers is not None and not all(worker.is_alive() for worker in workers._workers):
            workers._shutdown_workers()
            return None
        return workers

    def _where(self) -> tuple[int, Place]:
        if self._loaded is not None:
            return self._loaded
        progress = self._progress
        if progress is not None and not progress.over and self._current() is not None:
            return progress.epoch, progress.place
        return self._following()

    def _following(self) -> tuple[int, Place]:
        if self._chosen is not None:
            return self._chosen, self._kind.beginning
        if self._progress is None:
            return 0, self._kind.beginning
        if self._confirmed and self._untouched():
            return self._progress.epoch, self._start
        return self._progress.epoch + 1, self._kind.beginning

    def _untouched(self) -> bool:
        progress = self._progress
        return progress is not None and not progress.over and progress.place == self._start

    def _warn_of_twins(self) -> None:
        _iterated.add(self)
        for other in _iterated:
            apart = self._run is not other._run and None not in (self._run, other._run)
            if other is not self and not apart and (other.seed, other.name) == (self.seed, self.name):
                warnings.warn(
                    f"two loaders have seed {self.seed} and name {self.name!r}, so their items draw the same numbers;"
                    " give each a name= of its own, such as name='validation'",
                    SamerunWarning,
                    stacklevel=3,
                )
                return


def _epoch(epoch: SupportsIndex) -> int:
    if isinstance(epoch, bool) or not hasattr(type(epoch), "__index__"):
        raise TypeError(f"epoch must be an integer, not {epoch!r}")
    number = operator.index(epoch)
    if number < 0:
        raise ValueError(f"epoch must be 0 or more, not {number}")
    return number


def _nothing() -> None:
    return None


def _seed(seed: SupportsIndex | None) -> int:
    found = last_seed() if seed is None else seed
    if found is None:
        raise SeedError(None, "given as DataLoader(..., seed=42), or set by samerun.seed_everything(42) before")
    return check_seed(found, 2**64)
