"""The cells of the table: what is varied, and the ways in which each is resumed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

__all__ = ["BATCHES", "CELLS", "EPOCHS", "LOADERS", "RANDOMNESS", "STOPS", "WORKERS", "Cell", "Way", "ways"]

#: Epochs of the uninterrupted run, and batches in each.
EPOCHS, BATCHES = 3, 6

#: Epochs that are behind at the stop, and batches of the next epoch that are.
STOPS = {"boundary": (1, 0), "mid-epoch": (1, 2)}

#: torch's ``DataLoader``, torchdata's ``StatefulDataLoader`` and samerun's ``DataLoader``.
LOADERS = ("torch", "torchdata", "samerun")

WORKERS = ("0", "2", "2 persistent")

#: What items and order draw from: the global generators; a private one in the dataset, and the global one for the
#: order; or the global ones for the items, and the one given to the loader as ``generator=`` for the order.
RANDOMNESS = ("global", "private", "generator=")


@dataclass(frozen=True)
class Cell:
    """What is resumed: one of :data:`LOADERS`, :data:`WORKERS`, :data:`STOPS` and :data:`RANDOMNESS` each."""

    loader: str
    workers: str
    where: str
    randomness: str

    @property
    def stop(self) -> int:
        """After how many steps the run is stopped."""
        epochs, batches = STOPS[self.where]
        return epochs * BATCHES + batches

    @property
    def uninterrupted(self) -> str:
        """What the run is called that this cell is compared with; two cells have the same."""
        return "/".join((self.loader, self.workers, self.randomness))

    @property
    def name(self) -> str:
        """What the figures call it."""
        return "/".join((self.loader, self.workers, self.where, self.randomness))


@dataclass(frozen=True)
class Way:
    """How a run is resumed.

    Attributes:
        name: what the figures call it.
        restored: when the generators are put back: before ``iter(loader)``, after it and before the first batch, or
            after the batches that were seen before are skipped.
        stateful: whether the state of the loader is loaded too.
        primed: whether the loader, its state loaded, is asked for its state before the generators are put back, which
            makes torchdata's build the finished iterator of the last epoch, and draw for it, at once.
        replayed: whether the epoch is gone through again from its beginning. For torch's loader the generators are put
            to where they were there first; torchdata's does it by itself with ``snapshot_every_n_steps`` above the
            number of batches.
    """

    name: str
    restored: Literal["before iter", "after iter", "after skipping"]
    stateful: bool = False
    primed: bool = False
    replayed: bool = False


CELLS = tuple(Cell(*choice) for choice in product(LOADERS, WORKERS, STOPS, RANDOMNESS))

_BARE = (Way("before iter", "before iter"), Way("after iter", "after iter"))
_STATEFUL = (
    Way("state, before iter", "before iter", stateful=True),
    Way("state, after iter", "after iter", stateful=True),
)
_WAYS = {
    ("torch", "boundary"): _BARE,
    ("torch", "mid-epoch"): (
        *_BARE,
        Way("after skipping", "after skipping"),
        Way("epoch replayed", "after skipping", replayed=True),
    ),
    ("torchdata", "boundary"): (
        *_BARE,
        *_STATEFUL,
        Way("state, primed", "before iter", stateful=True, primed=True),
    ),
    ("torchdata", "mid-epoch"): (*_STATEFUL, Way("epoch replayed", "after iter", stateful=True, replayed=True)),
    ("samerun", "boundary"): _STATEFUL,
    ("samerun", "mid-epoch"): _STATEFUL,
}


def ways(cell: Cell) -> tuple[Way, ...]:
    """Return every way in which a cell is tried. Inside an epoch, a loader without a state skips what was seen."""
    return _WAYS[cell.loader, cell.where]
