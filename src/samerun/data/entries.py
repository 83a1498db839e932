"""What somebody's sampler gives in an epoch: iterated in a stream of its own, from any place on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import islice
from typing import Any

from samerun.data.generators import Generators, lent
from samerun.data.keys import Keys
from samerun.data.position import Position
from samerun.data.stateful import has_state

__all__ = ["Entries"]


class Entries:
    """The entries of a sampler or a batch sampler in one epoch.

    The sampler is opened, and goes on each time, in a stream of generators that begins at the key of the epoch, so what
    it gives is a pure function of ``(seed, name, epoch)``, and the training process's generators are left alone. One
    with ``state_dict`` and ``load_state_dict``, of its own or of its iterator, resumes by them; each time it goes on
    from a key of that place, because a stream cannot be begun in its middle. Any other is skipped up to the place.

    Args:
        sampler: any iterable.
        start: where to begin; ``start.taken`` entries are skipped, unless ``start.sampler`` is a state.
        skip: how many entries lie before the start in this very sampler.
    """

    def __init__(self, sampler: Any, keys: Keys, epoch: int, start: Position, skip: int) -> None:
        self._keys, self._epoch, self._taken = keys, epoch, skip
        self._generators = Generators(None, sampler=sampler)
        self._states: dict[str, Any] | None = None
        self._stateful: Any = None
        with self._stream(keys.order(epoch)):
            for part in (sampler, getattr(sampler, "sampler", None)):
                if callable(set_epoch := getattr(part, "set_epoch", None)):
                    set_epoch(epoch)
            if start.sampler is not None and has_state(sampler):
                sampler.load_state_dict(deepcopy(start.sampler))
            self._iterator = iter(sampler)
            if start.sampler is not None and has_state(self._iterator):
                self._iterator.load_state_dict(deepcopy(start.sampler))
        self._rest = _going_on(self._iterator)
        self._stateful = next((part for part in (self._iterator, sampler) if has_state(part)), None)
        if start.sampler is None and skip:
            with self._stream(keys.order(epoch)):
                deque(islice(self._rest, skip), maxlen=0)

    def take(self, count: int) -> list[Any]:
        """Return the next entries, fewer at the end."""
        key = self._keys.order(self._epoch) if self._stateful is None else self._keys.taking(self._epoch, self._taken)
        with self._stream(key):
            entries = list(islice(self._rest, count))
        self._taken += len(entries)
        return entries

    def state(self) -> Any:
        """Return a copy of the sampler's own state, or ``None`` if it has none."""
        return None if self._stateful is None else deepcopy(self._stateful.state_dict())

    @contextmanager
    def _stream(self, key: int) -> Iterator[None]:
        generators = self._generators
        generators.refresh()
        with lent(generators.keyed.values()):
            if self._states is None or self._stateful is not None:
                generators.key(key)
            else:
                for name, state in self._states.items():
                    generators.keyed[name].write(state)
            yield
            self._states = {name: source.read() for name, source in generators.keyed.items()}


def _going_on(iterator: Iterator[Any]) -> Iterator[Any]:
    """Yield what an iterator gives, without another ``iter``, which for some means to begin again."""
    while True:
        try:
            entry = next(iterator)
        except StopIteration:
            return
        yield entry
