"""Python's generators: the module-level one and private ``random.Random`` objects."""

from __future__ import annotations

import random
from types import ModuleType
from typing import TypeAlias

import numpy as np
import torch

from samerun.errors import DiscoveryError, Problem, StateError
from samerun.rng.mersenne import WORDS, Twister
from samerun.rng.source import Field, Packed, Source, expect_fields

__all__ = ["PythonSource"]

PythonState: TypeAlias = tuple[int, tuple[int, ...], float | None]

# The function itself, whatever stands under its name while a run is under way.
_seed = random.seed

_KIND = "random.Random"
_VERSION = 3  # of random.getstate(), the same since Python 3.2
_FIELDS = {
    "words": Field(torch.uint32, (WORDS,)),
    "position": Field(torch.int64, (), 0, WORDS),
    "has_gauss": Field(torch.bool),
    "gauss": Field(torch.float64),
}


class PythonSource(Source[PythonState]):
    """A ``random.Random``, or the module ``random`` itself for the generator that everyone shares.

    What is captured: the 624 words, the position and the cached value of ``random.gauss``.
    """

    write_cannot_fail = True

    def __init__(self, name: str, rng: random.Random | ModuleType = random) -> None:
        super().__init__(name)
        if isinstance(rng, random.SystemRandom):
            raise DiscoveryError(
                name, "random.SystemRandom draws from the operating system and has no state to capture"
            )
        if isinstance(rng, random.Random) and type(rng).getstate is not random.Random.getstate:
            raise DiscoveryError(name, f"{type(rng).__qualname__} keeps a state of its own (it overrides getstate)")
        self._rng = rng

    def read(self) -> PythonState:
        return self._rng.getstate()

    def write(self, native: PythonState) -> None:
        self._rng.setstate(native)

    def seed(self, seed: int) -> None:
        (_seed if self._rng is random else self._rng.seed)(seed)

    def same(self, first: PythonState, second: PythonState) -> bool:
        return first == second  # the cached gaussian is never NaN, and -0.0 would need a word to have moved

    @classmethod
    def pack(cls, native: PythonState) -> Packed:
        _, numbers, gauss = native
        fields = {
            "words": torch.from_numpy(np.array(numbers[:WORDS], dtype=np.uint32)),
            "position": torch.tensor(numbers[WORDS], dtype=torch.int64, device="cpu"),
            "has_gauss": torch.tensor(gauss is not None, device="cpu"),
            "gauss": torch.tensor(0.0 if gauss is None else gauss, dtype=torch.float64, device="cpu"),
        }
        return Packed(_KIND, fields)

    def unpack(self, packed: Packed) -> PythonState:
        fields = expect_fields(self.name, packed, _KIND, _FIELDS)
        twister = Twister(fields["words"].numpy(), int(fields["position"]))
        if problem := twister.problem():
            raise StateError([Problem(self.name, problem, "a state of the Mersenne Twister")])
        gauss = float(fields["gauss"]) if fields["has_gauss"] else None
        return _VERSION, (*twister.words.tolist(), twister.position), gauss
