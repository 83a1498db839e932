"""Noticing that somebody took a loader apart and iterates its pieces."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import BatchSampler

from samerun.errors import LoaderError

__all__ = ["GuardedBatchSampler"]


class GuardedBatchSampler(BatchSampler):
    """The ``batch_sampler`` of a loader that was given none: it says what torch's would, but is not to be iterated.

    The loader computes its order itself. Whoever iterates this one has built another loader from the pieces, as
    Accelerate's ``prepare`` and Ignite's ``DeterministicEngine`` do, and that one has neither the order nor the keys.
    """

    def __iter__(self) -> Iterator[list[int]]:
        raise LoaderError(
            "batch_sampler",
            "it belongs to a samerun.DataLoader, and something else iterates it: a framework has taken the loader apart"
            " and built a plain one of the pieces, whose batches would depend on workers, ranks and history. Give the"
            " framework the samerun.DataLoader as it is (it knows the ranks by itself): leave it out of Accelerate's"
            " prepare(), use Ignite's Engine in place of DeterministicEngine",
        )
