"""Making somebody else's loader exact."""

from __future__ import annotations

from typing import Any, SupportsIndex, TypeVar

from torch.utils.data import BatchSampler, IterableDataset
from torch.utils.data import DataLoader as TorchDataLoader

from samerun.data.generators import Rngs, wanted
from samerun.data.loader import DataLoader
from samerun.data.split import Uneven

__all__ = ["exact"]

T = TypeVar("T")


def exact(
    loader: TorchDataLoader[T],
    *,
    seed: SupportsIndex | None = None,
    name: str | None = None,
    rank: int | None = None,
    world_size: int | None = None,
    rngs: Rngs = None,
    uneven: Uneven | None = None,
) -> DataLoader[T]:
    """Return a :class:`~samerun.DataLoader` over what a torch DataLoader was built with.

    The batches are those of a ``samerun.DataLoader`` built with the same arguments; the given loader is left as it is.
    One that is exact already is returned as it is. The keywords are those of :class:`~samerun.DataLoader`.

    Raises:
        ValueError: for keywords that an exact loader does not have as they are given.
        TypeError: for something else than a torch DataLoader, or a subclass that iterates or fetches in its own way,
            which would be lost.
    """
    own: dict[str, Any] = {
        "seed": seed,
        "name": name,
        "rank": rank,
        "world_size": world_size,
        "rngs": wanted(rngs),
        "uneven": uneven,
    }
    given = {keyword: value for keyword, value in own.items() if value is not None}
    if isinstance(loader, DataLoader):
        for keyword, value in given.items():
            if getattr(loader, keyword) != value:
                raise ValueError(f"{keyword}: the loader is exact with {getattr(loader, keyword)!r}, not {value!r}")
        return loader
    if not isinstance(loader, TorchDataLoader):
        raise TypeError(
            f"exact takes a torch.utils.data.DataLoader, not {type(loader).__module__}.{type(loader).__qualname__}"
        )
    methods = [method for method in ("__iter__", "_get_iterator") if _overrides(loader, method)]
    if methods:
        raise TypeError(
            f"{type(loader).__qualname__} has its own {' and '.join(methods)}, which samerun.exact would replace; build"
            " a samerun.DataLoader with its dataset"
        )
    return DataLoader(
        loader.dataset,
        **_how_to_batch(loader),
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        generator=loader.generator,
        prefetch_factor=loader.prefetch_factor,
        persistent_workers=loader.persistent_workers,
        pin_memory_device=loader.pin_memory_device,
        in_order=loader.in_order,
        **given,
    )


def _overrides(loader: object, method: str) -> bool:
    return getattr(type(loader), method) is not getattr(TorchDataLoader, method)


def _how_to_batch(loader: TorchDataLoader[Any]) -> dict[str, Any]:
    if isinstance(loader.dataset, IterableDataset):
        return {"batch_size": loader.batch_size, "drop_last": loader.drop_last}
    if loader.batch_size is None:
        return {"batch_sampler": loader.batch_sampler} if loader.batch_sampler is not None else _unbatched(loader)
    if type(loader.batch_sampler) is not BatchSampler:
        return {"batch_sampler": loader.batch_sampler}
    return {"batch_size": loader.batch_size, "sampler": loader.sampler, "drop_last": loader.drop_last}


def _unbatched(loader: TorchDataLoader[Any]) -> dict[str, Any]:
    return {"batch_size": None, "sampler": loader.sampler}
