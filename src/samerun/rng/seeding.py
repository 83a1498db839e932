"""Seeding everything at once, and saying what could not be seeded."""

from __future__ import annotations

import operator
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, SupportsIndex, get_args

import numpy as np

from samerun.derive import derive
from samerun.determinism.hashseed import hash_seed
from samerun.errors import SeedError
from samerun.rng.discovery import private_sources
from samerun.rng.registry import families, global_sources

__all__ = ["Scheme", "SeedReport", "check_seed", "last_seed", "refusals", "seed_everything"]

Scheme = Literal["classic", "independent"]

# np.random.seed takes 32 bits; what torch's CPU generator makes of more is the lower 32 bits.
_LIMITS: dict[str, int] = {"classic": 2**32, "independent": 2**64}

# The seed of the last seed_everything() of this process; what derives its own seeds later takes it for its root.
_last: list[int] = []

#: What stands in the way of seeding, if anything: a run that is under way.
refusals: list[Callable[[str], None]] = []


@dataclass(frozen=True, slots=True, repr=False)
class SeedReport:
    """What :func:`seed_everything` did.

    Attributes:
        seed: as given.
        scheme: as given.
        seeded: the seed each source got, by name.
        pending: sources of devices that are not initialised yet; torch seeds them when they are.
        notes: what cannot be set from inside the process, and how to set it.
    """

    seed: int
    scheme: Scheme
    seeded: dict[str, int]
    pending: tuple[str, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        width = max(map(len, self.seeded))
        rows = [
            f"  {name:<{width}}  {seed}{'  (when the device is initialised)' if name in self.pending else ''}"
            for name, seed in self.seeded.items()
        ]
        notes = [f"  note: {note}" for note in self.notes]
        return "\n".join([f"seed {self.seed}, scheme {self.scheme}:", *rows, *notes])


def seed_everything(seed: SupportsIndex, *objects: object, scheme: Scheme = "classic") -> SeedReport:
    """Seed every generator: all global ones, and the private ones inside ``objects``.

    Args:
        seed: an integer in ``[0, 2**32)``; with ``scheme="independent"`` in ``[0, 2**64)``. NumPy integers are
            fine, bool is not.
        *objects: objects whose private generators are seeded too, each by a seed derived from ``seed`` and the
            name it has in :func:`capture`, under either scheme.
        scheme: ``"classic"`` gives each library the integer itself, as everybody's ``seed_everything`` does, so
            that published numbers come out. It makes generators of one algorithm draw the same words: NumPy and
            torch then produce identical raw numbers. ``"independent"`` gives each source a seed of its own,
            ``derive(seed, "rng", name)``.

    Returns:
        A report to print. It also says what cannot be set from inside; string hashes are fixed by
        ``PYTHONHASHSEED`` when the interpreter starts, and setting the variable later only pretends.

    What is seeded: the sources that :func:`capture` reads, and devices not initialised yet, when they are. What is not:
    see :func:`capture`.

    Raises:
        SeedError: for a seed of another type or out of range; nothing has been seeded.
        ValueError: for another scheme.

    >>> import random
    >>> seed_everything(42).seeded
    {'python': 42, 'numpy': 42, 'torch.cpu': 42}
    >>> random.random()
    0.6394267984578837
    """
    for refuse in refusals:
        refuse("samerun.seed_everything")
    if scheme not in get_args(Scheme):
        raise ValueError(f"scheme must be one of {', '.join(map(repr, get_args(Scheme)))}, not {scheme!r}")
    root = check_seed(
        seed, _LIMITS[scheme], ' (scheme="independent" takes up to 2**64 - 1)' if scheme == "classic" else ""
    )

    def seed_of(name: str) -> int:
        return root if scheme == "classic" else derive(root, "rng", name)

    private = private_sources(objects)
    seeded = {}
    for name, source in {**global_sources(), **private}.items():
        seeded[name] = derive(root, "rng", name) if name in private else seed_of(name)
        source.seed(seeded[name])
    pending = _seed_later(seed_of)
    seeded.update({name: seed_of(name) for name in pending})
    _last[:] = [root]
    return SeedReport(root, scheme, seeded, pending, _notes(root))


def last_seed() -> int | None:
    """Return the seed that :func:`seed_everything` was last called with in this process, or ``None``."""
    return _last[0] if _last else None


def check_seed(seed: SupportsIndex, limit: int, hint: str = "") -> int:
    """Return a seed as a plain integer.

    Raises:
        SeedError: unless it is an integer in ``[0, limit)``; bool is not one.
    """
    expected = f"an integer from 0 to 2**{limit.bit_length() - 1} - 1{hint}"
    if isinstance(seed, bool | np.bool_) or not hasattr(type(seed), "__index__"):
        raise SeedError(seed, expected)
    try:
        number = operator.index(seed)
    except TypeError as error:
        raise SeedError(seed, expected) from error
    if not 0 <= number < limit:
        raise SeedError(seed, expected)
    return number


def _seed_later(seed_of: Callable[[str], int]) -> tuple[str, ...]:
    return tuple(name for family in families() for name in family.seed_later(seed_of))


def _notes(seed: int) -> tuple[str, ...]:
    running, wanted = hash_seed(), seed % 2**32
    if running == wanted:
        return ()
    is_now = "random in this process" if running is None else f"fixed by {running} in this process"
    variable = os.environ.get("PYTHONHASHSEED")
    if variable is not None and variable != str(running):
        is_now += f" (PYTHONHASHSEED={variable} was set after the start and does nothing)"
    return (f"hashes of strings, and the order of sets, are {is_now}; {_how_to_fix_hashes(wanted)}",)


def _how_to_fix_hashes(seed: int) -> str:
    if "ipykernel_launcher" in sys.orig_argv:
        return f"set PYTHONHASHSEED={seed} where the notebook server is started, and restart the kernel"
    command = shlex.join([Path(sys.executable or "python").name, *sys.orig_argv[1:]])
    return f"start with: PYTHONHASHSEED={seed} {command}"
