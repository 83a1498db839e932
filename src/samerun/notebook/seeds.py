"""How far a source is from where it was seeded, as far as that can be told afterwards."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from samerun.derive import derive
from samerun.notebook.draws import Draw, count
from samerun.notebook.entry import Entry
from samerun.notebook.journal import Journal
from samerun.rng.numpy import RandomStateSource
from samerun.rng.python import PythonSource
from samerun.rng.seeding import last_seed
from samerun.rng.source import Packed, Source
from samerun.rng.torch import GeneratorSource

__all__ = ["Distance", "distance"]

# A new generator for each kind of state whose seed does not stand in it.
_FRESH: dict[str, Callable[[], Source[Any]]] = {
    "random.Random": lambda: PythonSource("", random.Random(0)),
    "numpy.RandomState.MT19937": lambda: RandomStateSource("", np.random.RandomState(0)),
    "torch.mt19937": lambda: GeneratorSource("", torch.Generator()),
}

# How many cells that speak of a seed are looked at; each wrong integer takes a search of up to 0.1 s.
_SEEDING_CELLS = 3


@dataclass(frozen=True, slots=True)
class Distance:
    """How many draws lie between a source's origin and now.

    Attributes:
        draws: the number; ``None`` where this kind's draws are not counted.
        origin: the seed, the cell that set it, or the beginning of the journal, in words.
    """

    draws: int | None
    origin: str

    def __str__(self) -> str:
        return f"{'not counted' if self.draws is None else f'{self.draws:,}'} since {self.origin}"


def distance(journal: Journal, name: str, now: Packed) -> Distance:
    """Return how far a source is from its seed, or from the newest state that is known to be an origin.

    The seed is looked for among those that :func:`~samerun.seed_everything` and torch know, and the integers in the
    cell that set the source and in the newest ones that speak of a seed.
    """
    if now.kind == "torch.philox":
        seed, offset = now.fields["bytes"].numpy().view(np.uint64).tolist()
        return Distance(offset, f"seed {seed}")
    origin, state = _origin(journal, name)
    for seed, words in _seeds(journal, name, now, origin):
        begun = _begun(now.kind, seed)
        if begun is not None and (draws := _between(begun, now)) is not None:
            return Distance(draws, words)
    if state is None:
        return Distance(0, "now")
    return Distance(_between(state, now), f"the end of {origin.name}" if origin else "the journal began")


def _origin(journal: Journal, name: str) -> tuple[Entry | None, Packed | None]:
    """Return the newest cell of this kernel that set a source, with the state at its end, or the first known state."""
    earliest: Packed | None = None
    for entry in reversed(journal):
        if entry.kernel != journal.kernel:
            break
        draw = next((found for found in entry.outside.draws if found.source == name), None)
        if draw is not None and draw.how != "drew":
            return entry, entry.outside.after[name]
        earliest = entry.outside.before.get(name, earliest)
    return None, earliest


def _seeds(journal: Journal, name: str, now: Packed, origin: Entry | None) -> Iterator[tuple[int, str]]:
    if (root := last_seed()) is not None:
        yield root, f"seed {root}"
        yield derive(root, "rng", name), f"seed {root} (independent)"
    if now.kind == "torch.mt19937":
        seed = int(now.fields["bytes"][:8].numpy().view(np.uint64)[0])
        yield seed, f"seed {seed}"
    codes = [origin.code] if origin else []
    codes += [entry.code for entry in reversed(journal) if "seed" in entry.code][:_SEEDING_CELLS]
    for seed in dict.fromkeys(number for code in codes for number in _integers(code)):
        yield seed, f"seed {seed}"


def _integers(code: str) -> Iterable[int]:
    try:
        nodes = ast.walk(ast.parse("\n".join(line for line in code.splitlines() if not line.startswith("%"))))
    except SyntaxError:
        return ()
    found = (node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is int)
    return dict.fromkeys(value for value in found if 0 <= value < 2**64)


def _begun(kind: str, seed: int) -> Packed | None:
    if kind not in _FRESH:
        return None
    source = _FRESH[kind]()
    source.seed(seed)
    return source.pack(source.read())


def _between(first: Packed, second: Packed) -> int | None:
    """Return how many draws lead from one state to another; ``None`` if none do, or they are not counted."""
    (draw,) = count({"": first}, {"": second}) or (Draw("", "drew", 0),)
    return draw.count if draw.how == "drew" else None
