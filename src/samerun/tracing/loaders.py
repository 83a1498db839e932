"""The loaders a run iterates: a name for each that is the same in a resumed run, and what they were made with."""

from __future__ import annotations

import weakref
from itertools import count
from typing import Any

from torch.utils.data import IterableDataset

__all__ = ["Loaders"]

# What is written down of a loader as it is.
_PLAIN = ("batch_size", "num_workers", "persistent_workers", "drop_last", "pin_memory", "prefetch_factor", "in_order")


class Loaders:
    """Names loaders by the class and the length of their dataset: ``Photos[1000]``.

    So the loader that a script makes anew for each epoch has one name, also in a run that was resumed in a later epoch.
    A second dataset alive of the same class and length has ``#2`` after its name.
    """

    def __init__(self) -> None:
        self._labels: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()  # by iterator
        self._loaders: dict[str, weakref.ref[Any]] = {}
        self._described: dict[str, dict[str, Any]] = {}
        self._made: dict[int, tuple[weakref.ref[Any], dict[str, Any]]] = {}

    def made(self, loader: Any, place: dict[str, Any]) -> None:
        """Keep the line that made a loader."""
        self._made = {key: held for key, held in self._made.items() if held[0]() is not None}
        self._made[id(loader)] = weakref.ref(loader), place

    def begin(self, iterator: Any, loader: Any) -> tuple[str, bool, dict[str, Any] | None]:
        """Return the name of a loader, whether it is another one than before, and what it is, if that is new."""
        label, length = self._label(loader)
        self._labels[iterator] = label
        known = self._loaders.get(label)
        other = known is None or known() is not loader
        self._loaders[label] = weakref.ref(loader)
        held = self._made.get(id(loader))
        made = held[1] if held is not None and held[0]() is loader else None
        found = {"loader": label, "length": length, **_described(loader), "made": made}
        if found == self._described.get(label):
            return label, other, None
        self._described[label] = found
        return label, other, found

    def label_of(self, iterator: Any) -> str:
        """Return the name of the loader that an iterator is of."""
        return self._labels.get(iterator, "loader")

    def _label(self, loader: Any) -> tuple[str, int | None]:
        length = _length(loader.dataset)
        name = type(loader.dataset).__name__ + ("" if length is None else f"[{length}]")
        for number in count(1):
            label = name if number == 1 else f"{name}#{number}"
            other = self._loaders.get(label, lambda: None)()
            if other is None or other.dataset is loader.dataset:
                return label, length
        raise AssertionError  # a count does not end


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except Exception:  # a dataset need not have a length, and one that is wrong says so to whoever needs it
        return None


def _described(loader: Any) -> dict[str, Any]:
    held = vars(loader)
    sampler = held.get("sampler")
    return {
        "type": _class_name(loader),
        "dataset": _class_name(loader.dataset),
        "iterable": isinstance(loader.dataset, IterableDataset),
        **{name: held.get(name, held.get(f"_DataLoader__{name}")) for name in _PLAIN},
        "sampler": None if sampler is None else _class_name(sampler),
        "shuffle": type(sampler).__name__ == "RandomSampler",
        "batch_sampler": _name_or_none(held.get("batch_sampler")),
        "generator": _name_or_none(held.get("generator")),
        "sampler_generator": _name_or_none(getattr(sampler, "generator", None)),
        "worker_init_fn": _function_name(held.get("worker_init_fn")),
        "collate_fn": _function_name(held.get("collate_fn")),
        "start_method": _start_method(held),
    }


def _start_method(held: dict[str, Any]) -> str | None:
    context = held.get("_DataLoader__multiprocessing_context")
    return None if context is None else str(context.get_start_method())


def _class_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _name_or_none(value: Any) -> str | None:
    return None if value is None else _class_name(value)


def _function_name(value: Any) -> str | None:
    if value is None:
        return None
    return f"{getattr(value, '__module__', '?')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
