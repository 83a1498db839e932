"""Noticing that somebody took a loader apart and iterates its pieces."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import BatchSampler
from torch.utils.data._utils.fetch import _BaseDatasetFetcher

from samerun.errors import LoaderError

__all__ = ["GuardedBatchSampler", "GuardedCollate", "refuse_rebuilt", "unguarded"]

_REASON = (
    "it belongs to a samerun.DataLoader, and something else uses it: a framework has taken the loader apart"
    " and built a plain one of the pieces, whose batches would depend on workers, ranks and history. Give the"
    " framework the samerun.DataLoader as it is (it knows the ranks by itself): leave it out of Accelerate's"
    " prepare() and skip_first_batches(), set ignore_data_skip=True for transformers' Trainer, use Ignite's Engine in"
    " place of DeterministicEngine, and resume by load_state_dict()"
)


class GuardedBatchSampler(BatchSampler):
    """The ``batch_sampler`` of a loader that was given none: it says what torch's would, but is not to be iterated.

    The loader computes its order itself. Whoever iterates this one has built another loader from the pieces, as
    Accelerate's ``prepare`` does, and that one has neither the order nor the keys. One that somebody else made of this
    class, as Lightning does to build our loader again with another sampler, is iterated like torch's.
    """

    _guards = False

    @classmethod
    def over(cls, batch_sampler: BatchSampler) -> GuardedBatchSampler:
        """Return one that says what another says."""
        guard = cls(batch_sampler.sampler, batch_sampler.batch_size, batch_sampler.drop_last)
        # Lightning notes attributes that are set, and sets them on what it builds.
        guard.__dict__["_guards"] = True
        return guard

    def __iter__(self) -> Iterator[list[int]]:
        if self._guards:
            raise LoaderError("batch_sampler", _REASON)
        yield from super().__iter__()


class GuardedCollate:
    """The ``collate_fn`` of a loader: the user's function for all but the fetchers of torch's loaders.

    Ours is collated by other means. A plain loader built of the pieces takes this one along, also where there is no
    batch sampler or the user's own, which cannot tell. Equal to the user's function.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, items: Any) -> Any:
        if isinstance(sys._getframe(1).f_locals.get("self"), _BaseDatasetFetcher):
            raise LoaderError("collate_fn", f"{_REASON}. To another loader of your own give your own function")
        return self.function(items)

    def __getattr__(self, name: str) -> Any:
        if name == "function":  # not there yet, while a copy is made
            raise AttributeError(name)
        return getattr(self.function, name)

    def __eq__(self, other: object) -> bool:
        return bool(self.function == unguarded(other))

    def __hash__(self) -> int:
        return hash(self.function)


def unguarded(collate_fn: Any) -> Any:
    """Return the user's own function."""
    return collate_fn.function if isinstance(collate_fn, GuardedCollate) else collate_fn


def refuse_rebuilt(batch_sampler: object) -> None:
    """Refuse the batch sampler with which Ignite builds a loader of ours again, to go its own way through it.

    Raises:
        LoaderError: saying what to do.
    """
    if type(batch_sampler).__module__.startswith("ignite."):
        reason = (
            "Ignite's DeterministicEngine builds the loader again, and then neither its position nor a state loaded"
            " into it holds. Use Engine: the loader is deterministic by itself, and its state_dict() is its position"
        )
        raise LoaderError("batch_sampler", reason)
