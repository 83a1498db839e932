"""The generators that items are made with: keyed before each item, lent by the training process and given back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, ClassVar, TypeAlias

import torch

from samerun.derive import derive
from samerun.errors import DiscoveryError, LoaderError
from samerun.rng.discovery import private_sources
from samerun.rng.registry import families, global_sources
from samerun.rng.shared import SharedNumpy, SharedPython
from samerun.rng.source import Source

__all__ = ["Generators", "Moved", "Rngs", "lent", "wanted"]

#: Which global sources are keyed: all, or those whose names are given or begin with what is given and a dot.
Rngs: TypeAlias = str | Iterable[str] | None

#: Whether the generator has moved since it was watched.
Moved: TypeAlias = Callable[[], bool]

_NUMPY = SharedNumpy("numpy")
# Read and written for every batch, so the fast ones stand for those of the registry.
_FAST: dict[str, Source[Any]] = {"python": SharedPython("python"), "numpy": _NUMPY}

# One integer given to all three would correlate them: torch uses the lower 32 bits, NumPy the upper ones, Python all.
_UPPER = 32


def wanted(rngs: Rngs) -> tuple[str, ...] | None:
    """Return ``rngs`` as a tuple, or ``None`` for all.

    Raises:
        ValueError: for a name that no source here has or begins with.
    """
    if rngs is None:
        return None
    names = (rngs,) if isinstance(rngs, str) else tuple(rngs)
    known = list(dict.fromkeys([*global_sources(), *(family.name.partition(" ")[0] for family in families())]))
    for name in names:
        if not any(_covers(name, source) or _covers(source, name) for source in known):
            raise ValueError(f"rngs: {name!r} is not an RNG source; there are {', '.join(known)}")
    return names


def _covers(name: str, source: str) -> bool:
    return source == name or source.startswith((f"{name}.", f"{name}:"))


class lent:  # noqa: N801  # a context manager, named like one
    """Lend generators to the block, and all of torch's intra-op threads but one; everything comes back.

    One thread, because sums over several have other bits, and workers have one. What devices that are not initialised
    yet would begin with comes back too.
    """

    def __init__(self, sources: Iterable[Source[Any]]) -> None:
        self._sources = sources

    #: How many blocks have generators on loan.
    depth: ClassVar[int] = 0

    def __enter__(self) -> None:
        lent.depth += 1
        self._states = [(source, source.read()) for source in self._sources]
        self._pending = [(family, pending) for family in families() if (pending := family.pending()) is not None]
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        lent.depth -= 1
        torch.set_num_threads(self._threads)
        for source, state in self._states:
            source.write(state)
        for family, pending in self._pending:
            family.put_back(pending)


def _private(roots: SimpleNamespace) -> dict[str, Source[Any]]:
    # Named as private_sources() names what it is given, and the roots are the only thing given.
    prefix = "objects[0]."
    try:
        found = private_sources((roots,), bulk=False)
    except DiscoveryError as error:
        raise DiscoveryError(error.path.removeprefix(prefix), error.reason) from None
    return {name.removeprefix(prefix): source for name, source in found.items()}


def _derived(name: str, source: Source[Any]) -> Callable[[int], None]:
    return lambda key: source.seed(derive(key, name))


def _watch(source: Source[Any]) -> Moved:
    state = source.read()
    return lambda: not source.same(state, source.read())


class Generators:
    """The global generators, and the private ones inside what makes the items, as they are in this process.

    Args:
        rngs: which of the global ones are keyed; see :func:`wanted`.
        **roots: the objects that make the items, by the name their paths begin with.

    Attributes:
        keyed: the sources that are keyed, by name or by path.
        unkeyed: the global sources that are not, by name.
        key: puts every keyed generator where a key says. Python's, NumPy's and torch's global generators are seeded
            with the key, its upper and its lower 32 bits; any other source named ``n`` with ``derive(key, n)``.
    """

    keyed: dict[str, Source[Any]]
    unkeyed: dict[str, Source[Any]]
    key: Callable[[int], object]

    def __init__(self, rngs: tuple[str, ...] | None, **roots: object) -> None:
        self._rngs = rngs
        self._roots = SimpleNamespace(**roots)
        self._live: dict[str, Source[Any]] = {}
        self._left_out: set[str] = set()
        self._private: dict[str, Source[Any]] = {}
        self.discover()

    def discover(self) -> bool:
        """Look again for sources; return whether there are others than before."""
        before = set(self._live), set(self._private)
        found = _private(self._roots)
        self._private = {name: source for name, source in found.items() if name not in self._left_out}
        self._arrange(global_sources())
        return (set(self._live), set(self._private)) != before

    def refresh(self) -> bool:
        """Notice global sources that came or went, such as a device that was initialised; return whether any did."""
        live = global_sources()
        if live.keys() == self._live.keys():
            return False
        self._arrange(live)
        return True

    def leave_out_new(self) -> None:
        """Look for private generators that came into being, and never key them: they are somebody's own state."""
        self._left_out.update(_private(self._roots).keys() - self._private.keys())

    def _arrange(self, live: dict[str, Source[Any]]) -> None:
        self._live = {**live, **_FAST}
        chosen = {name for name in live if self._rngs is None or any(_covers(one, name) for one in self._rngs)}
        self.keyed = {name: source for name, source in self._live.items() if name in chosen} | self._private
        self.unkeyed = {name: source for name, source in self._live.items() if name not in chosen}
        self.key = self._setter()

    def _setter(self) -> Callable[[int], object]:
        shared: random.Random = random.random.__self__  # type: ignore[attr-defined]  # a method of the hidden instance
        # This runs for every item, so the bare functions are bound here. Python's is what random.seed() calls once it
        # has seen that the seed is an integer, which takes a tenth of the time.
        bare_python = super(random.Random, shared).seed
        bare_numpy, seed_cpu = _NUMPY.seeder(), torch.default_generator.manual_seed

        def seed_python(key: int) -> None:
            bare_python(key)
            shared.gauss_next = None  # type: ignore[attr-defined]  # not in the stubs

        def seed_all(key: int) -> None:
            bare_python(key)
            shared.gauss_next = None  # type: ignore[attr-defined]
            bare_numpy(key >> _UPPER)
            seed_cpu(key)

        three: dict[str, Callable[[int], object]] = {
            "python": seed_python,
            "numpy": lambda key: bare_numpy(key >> _UPPER),
            "torch.cpu": seed_cpu,
        }
        if self.keyed.keys() == three.keys():
            return seed_all
        seeds = [three.get(name) or _derived(name, source) for name, source in self.keyed.items()]
        if len(seeds) == 1:
            return seeds[0]

        def seed_each(key: int) -> None:
            for seed in seeds:
                seed(key)

        return seed_each

    def watch(self) -> dict[str, Moved]:
        """Begin to watch the global sources that are not keyed, for :meth:`refuse_draws`."""
        return {name: _watch(source) for name, source in self.unkeyed.items()}

    def refuse_draws(self, watched: dict[str, Moved], what: str) -> None:
        """Refuse draws made since :meth:`watch` from a source that is not keyed.

        Raises:
            LoaderError: naming the source.
        """
        for name, moved in watched.items():
            if moved():
                reason = (
                    f"{what} drew from it, but rngs={self._rngs!r} leaves it out, so what comes out would depend on"
                    f" workers and history; add {name!r} to rngs"
                )
                raise LoaderError(name, reason)
