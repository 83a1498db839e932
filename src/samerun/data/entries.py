"""What somebody's sampler gives in an epoch: iterated in a stream of its own, from any place on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import islice
from typing import Any

from samerun.data.generators import Generators, lent
from samerun.data.keys import Keys
from samerun.data.position import Position
from samerun.data.stateful import as_text, has_state

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
        self._sampler, self._keys, self._epoch, self._start = sampler, keys, epoch, start
        self._generators = Generators(None, sampler=sampler)
        self._skip = skip
        self._settled = False
        self._open()

    def _open(self) -> None:
        sampler, state = self._sampler, self._start.sampler
        self._states: dict[str, Any] | None = None
        self._stateful: Any = None
        with self._stream(self._keys.order(self._epoch)):
            for part in (sampler, getattr(sampler, "sampler", None)):
                if callable(set_epoch := getattr(part, "set_epoch", None)):
                    set_epoch(self._epoch)
            if state is not None and has_state(sampler):
                sampler.load_state_dict(deepcopy(state))
            self._iterator = iter(sampler)
            if state is not None and has_state(self._iterator):
                self._iterator.load_state_dict(deepcopy(state))
        self._rest = _going_on(self._iterator)
        self._stateful = next((part for part in (self._iterator, sampler) if _has_text_state(part)), None)
        self._taken = self._skip if state is not None and self._stateful is not None else 0

    def take(self, count: int) -> list[Any]:
        """Return the next entries, fewer at the end."""
        entries = self._walk(count)
        if not self._settled:
            self._settled = True
            # A generator that came into being with the first entries was not keyed for them.
            if self._iterator is not self._sampler and self._generators.discover():
                self._open()
                entries = self._walk(count)
        return entries

    def _walk(self, count: int) -> list[Any]:
        keys, epoch = self._keys, self._epoch
        with self._stream(keys.order(epoch) if self._stateful is None else keys.taking(epoch, self._taken)):
            for _ in islice(self._rest, max(self._skip - self._taken, 0)):
                self._taken += 1
            # Copies, because some batch samplers fill one list again and again.
            entries = [list(entry) if type(entry) is list else entry for entry in islice(self._rest, count)]
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


def _has_text_state(part: Any) -> bool:
    """Return whether a sampler can be resumed by its own state; one with tensors in it is walked like any other."""
    if not has_state(part):
        return False
    try:
        as_text(part.state_dict())
    except (TypeError, ValueError):
        return False
    return True
