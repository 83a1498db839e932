"""Streams: an own sequence of draws, entered and left without a trace outside."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from functools import partial, wraps
from types import FunctionType, TracebackType
from typing import Any, ParamSpec, SupportsIndex, TypeVar, cast

import numpy as np
import torch

from samerun.derive import derive
from samerun.errors import Problem, StateError, StreamError
from samerun.rng.discovery import private_sources
from samerun.rng.ownership import Entry, Owner, stack
from samerun.rng.registry import global_sources
from samerun.rng.seeding import check_seed
from samerun.rng.source import Source
from samerun.rng.state import RngState

__all__ = ["Stream", "isolate"]

P = ParamSpec("P")
R = TypeVar("R")


class Stream(Owner):
    """An own sequence of draws, entered any number of times: each ``with`` goes on where the last one stopped.

    Inside, the global generators are this stream's; outside, they are as if the block had not been there. Which
    numbers come out depends only on ``seed``, ``name`` and the draws made in this stream before.

    Args:
        seed: an integer in ``[0, 2**64)``.
        name: enters the seeds, so that two streams of one seed differ if their names do.

    - *Nesting*: streams and ``isolate`` blocks nest, and end in any order without losing an outer state.
    - *Re-entry*: entering an open stream again goes on in it; it has one position, whoever draws.
    - *Exceptions*: the outer states come back, and the stream remembers where it stopped.
    - *Generator functions and coroutines*: while suspended inside a ``with`` they leave the stream on, for the caller's
      draws too. Decorate a generator function with ``isolate`` instead, or keep the ``with`` free of
      ``yield`` and ``await``.
    - *Threads*: the generators belong to the process. A second thread that enters while another is inside gets a
      :class:`~samerun.errors.StreamError`; draws it makes without entering come from the stream.
    - *Processes*: a forked child inherits the state of the moment, as with any generator. A pickled stream is one at
      the same position that nobody has entered.
    - *Devices*: a device first initialised inside a stream has not been seeded by it. Leaving raises
      :class:`~samerun.errors.StreamError` then, after everything has been put back.

    What is captured by ``state_dict``: the position, for each global source the stream has met. What is not: private
    generators, and the sources' outer states.

    >>> import random
    >>> stream = Stream(7)
    >>> with stream:
    ...     first = random.random()
    >>> with stream:
    ...     second = random.random()
    >>> again = Stream(7)
    >>> with again:
    ...     (random.random(), random.random()) == (first, second)
    True
    """

    seeded = True

    def __init__(self, seed: SupportsIndex, *, name: str = "stream") -> None:
        super().__init__(name)
        self.seed = check_seed(seed, 2**64)
        self._entered: list[Entry] = []

    def begin(self, live: Mapping[str, Source[Any]]) -> None:
        state = self.state or RngState()
        missing = [name for name in state if name not in live]
        if missing:
            expected = f"only sources that exist here ({', '.join(live)})"
            raise StateError(Problem(name, "a position", expected) for name in missing)
        for source_name, source in live.items():
            if source_name not in state:
                source.seed(derive(self.seed, "stream", self.name, source_name))
        super().begin(live)

    def __enter__(self) -> Stream:
        self._entered.append(stack.enter(self, {}, keeps=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack.leave(self._entered.pop())

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the position as tensors: ``{"key": uint64[], ...}`` and what :meth:`RngState.state_dict` gives.

        Allowed at any time, also inside the stream; changes nothing.

        Raises:
            StreamError: if the stream was never entered and another thread is inside one.
        """
        if stack.owns_generators(self):
            state = RngState.read(global_sources().values())
        else:
            if self.state is None:
                with self:  # seeds it, so that the state is whole before the first use
                    pass
            state = self.state or RngState()
        return {"key": self._key(), **state.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, object]) -> None:
        """Go on from a saved position at the next entering.

        Raises:
            StateError: for a state of a stream with another seed or name, or one that is none.
            StreamError: while the stream is entered.
        """
        if stack.is_entered(self):
            raise StreamError(self.name, "is entered; load its state before entering or after leaving")
        key = state_dict.get("key")
        if not (isinstance(key, torch.Tensor) and key.dtype == torch.uint64 and torch.equal(key, self._key())):
            found = f"key {key.tolist()}" if isinstance(key, torch.Tensor) else repr(key)
            expected = f"key {self._key().tolist()} of seed {self.seed} and name {self.name!r}"
            raise StateError([Problem("key", found, expected, "it is the state of another stream")])
        state = RngState()
        state.load_state_dict({name: value for name, value in state_dict.items() if name != "key"})
        self.state = state if state.names else None

    def __getstate__(self) -> dict[str, Any]:
        owns = stack.owns_generators(self)
        state = RngState.read(global_sources().values()) if owns else self.state
        return {"seed": self.seed, "name": self.name, "state": state, "_entered": []}

    def _key(self) -> torch.Tensor:
        return torch.from_numpy(np.array(derive(self.seed, "stream", self.name), dtype=np.uint64))

    def __repr__(self) -> str:
        return f"Stream({self.seed}, name={self.name!r})"


class isolate:  # noqa: N801  # a context manager, named like one
    """Leave no trace: whatever is drawn or seeded inside, the generators come back as they were.

    Use it as a context manager or, with parentheses, as a decorator. The block begins from the states of the moment, so
    it draws what it would have drawn without ``isolate``.

    Args:
        *objects: objects whose private generators are put back too. A function given alone is refused, because that
            is what ``@isolate`` without parentheses does; put it in a list.

    A decorated function is isolated at each call. A decorated generator function is isolated at each resumption: its
    draws go on from where they stopped, and those its caller makes in between are untouched. ``async`` functions are
    refused, because other tasks run while they wait. Nesting, exceptions, threads and devices are as in
    :class:`Stream`, except that a device first initialised inside is put back to its beginning.

    Raises:
        DiscoveryError: for a generator in ``objects`` that has no state.
        StreamError: if another thread is inside a stream.

    >>> import random
    >>> from samerun.rng import capture
    >>> before = capture()
    >>> with isolate():
    ...     _ = random.random(), np.random.rand(), torch.rand(1)
    >>> capture() == before
    True
    """

    def __init__(self, *objects: object) -> None:
        if len(objects) == 1 and isinstance(objects[0], FunctionType):
            raise TypeError(
                "isolate was given a function: write @isolate() with parentheses; to cover the generators"
                " that a function holds, pass it in a list"
            )
        self._objects = objects
        self._entered: list[Entry] = []

    def __enter__(self) -> None:
        self._entered.append(stack.enter(Owner("isolate"), private_sources(self._objects), keeps=False))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stack.leave(self._entered.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__qualname__} is async: other tasks would draw from its isolated states while it waits;"
                " use `with isolate():` around parts without await"
            )
        if inspect.isgeneratorfunction(function):
            return cast("Callable[P, R]", self._isolated_generator(function))

        @wraps(function)
        def isolated(*args: P.args, **kwargs: P.kwargs) -> R:
            with isolate(*self._objects):
                return function(*args, **kwargs)

        return isolated

    def _isolated_generator(
        self, function: Callable[..., Generator[Any, Any, Any]]
    ) -> Callable[..., Generator[Any, Any, Any]]:
        @wraps(function)
        def isolated(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            owner = Owner("isolate")
            inner = function(*args, **kwargs)
            resume: Callable[[], Any] = partial(next, inner)
            while True:
                entry = stack.enter(owner, private_sources(self._objects), keeps=True)
                try:
                    item = resume()
                except StopIteration as stop:
                    return stop.value
                finally:
                    stack.leave(entry)
                try:
                    sent = yield item
                except BaseException as error:  # also GeneratorExit: what runs at the end is the block's too
                    resume = partial(inner.throw, error)
                else:
                    resume = partial(inner.send, sent)

        return isolated
