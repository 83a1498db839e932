"""How many draws lead from a recorded state of a Mersenne Twister to a digest: states are made one after the other.

A trace keeps whole states only now and then, and digests of all. The walk goes from a state to the next one with the
position that an event tells, every 624 draws, and compares digests. The digests are those that
:mod:`samerun.tracing.generators` makes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from xxhash import xxh3_128_digest

from samerun.rng import Packed
from samerun.rng.mersenne import WORDS, Twister
from samerun.rng.torch import cpu_twister
from samerun.tracing.packing import pack_state

__all__ = ["BOUND", "draws_to"]

#: Draws that are walked at most; takes about 0.3 s.
BOUND = 20_000_000

Words = np.ndarray[Any, np.dtype[np.uint32]]
#: Makes the digests that a generator with these words, this position and these last four outputs can have.
Recipe = Callable[[Words, int, "list[int]"], Iterator[bytes]]

_LEFT, _NEXT, _TORCH_WORDS, _NORMAL, _NORMAL_VALID = 8, 16, 24, 5024, 5040


def draws_to(source: str, start: Packed, digest: bytes, position: int, bound: int = BOUND) -> int | None:
    """Return how many 32-bit draws lead from a state to the state with a digest and a position in its words.

    ``None`` if there is no such state within ``bound`` draws, or the generator is not a Mersenne Twister. Also found is
    a state that kept the second half of a gaussian, if nothing was drawn after it, for all but private generators of
    Python's and NumPy's.

    Args:
        source: the name of the generator, which decides how its digests are made.
        start: a state of it.
        digest: of the state that is looked for.
        position: of that state, 0 to 624.
        bound: how many draws to walk.
    """
    found = _recipe(source, start)
    if found is None or not 0 <= position <= WORDS:
        return None
    twister, recipe = found
    for state in _states(twister, position, bound):
        if digest in recipe(state.words, position, state.outputs):
            return state.draws
    return None


@dataclass(slots=True)
class _State:
    draws: int
    words: Words
    outputs: list[int]


def _states(start: Twister, position: int, bound: int) -> Iterator[_State]:
    """Yield the states with a position, in the order in which draws reach them."""
    generator = start.generator()
    draws = (position - start.position) % WORDS
    outputs = generator.random_raw(draws) if draws else np.empty(0, np.uint64)
    last = outputs[-4:].tolist()
    while draws <= bound:
        yield _State(draws, generator.state["state"]["key"], last)
        last = generator.random_raw(WORDS)[-4:].tolist()
        draws += WORDS


def _recipe(source: str, packed: Packed) -> tuple[Twister, Recipe] | None:
    fields = packed.fields
    try:
        if packed.kind == "torch.mt19937":
            state = fields["bytes"].numpy().tobytes()
            return cpu_twister(fields["bytes"])[0], partial(_torch, state)
        names = ("state.key", "state.pos") if "state.key" in fields else ("words", "position")
        twister = Twister(fields[names[0]].numpy(), int(fields[names[1]].reshape(-1)[0]))
        return None if twister.problem() else (twister, _SHARED.get(source) or _private(packed, *names))
    except (KeyError, ValueError, TypeError, RuntimeError):  # another algorithm, or a damaged state
        return None


def _private(packed: Packed, key: str, place: str) -> Recipe:
    """Return the recipe for a generator of the user's, of which the packed state is digested."""

    def recipe(words: Words, position: int, _: list[int]) -> Iterator[bytes]:
        # An integer of NumPy's is two words of 64 bits, the low one first.
        moved = {key: torch.from_numpy(words.copy()), place: packed.fields[place].clone()}
        moved[place].view(-1)[0] = position
        yield xxh3_128_digest(pack_state(Packed(packed.kind, {**packed.fields, **moved})))

    return recipe


def _python(words: Words, position: int, outputs: list[int]) -> Iterator[bytes]:
    memory = struct.pack("<i", position) + words.astype("<u4").tobytes()
    yield xxh3_128_digest(memory + struct.pack("<?d", False, 0.0))
    for gauss in _python_gauss(outputs):
        yield xxh3_128_digest(memory + struct.pack("<?d", True, gauss))


def _numpy(words: Words, position: int, outputs: list[int]) -> Iterator[bytes]:
    memory = words.astype("<u4").tobytes() + struct.pack("<i", position)
    yield xxh3_128_digest(memory + struct.pack("<i4xd", 0, 0.0))
    for gauss in _numpy_gauss(outputs):
        yield xxh3_128_digest(memory + struct.pack("<i4xd", 1, gauss))


def _torch(state: bytes, words: Words, position: int, outputs: list[int]) -> Iterator[bytes]:
    """Yield the digests of torch's CPU generator, whose layout is that of samerun.rng.torch."""
    patched = bytearray(state)
    struct.pack_into("<i", patched, _LEFT, WORDS + 1 - position)
    patched[_TORCH_WORDS : _TORCH_WORDS + 8 * WORDS] = words.astype("<u8").tobytes()
    # The next word is number 0 where the generator was seeded and did not draw.
    for following in (position, 0) if position == WORDS else (position,):
        struct.pack_into("<q", patched, _NEXT, following)
        for valid, normal in ((0, 0.0), *((1, value) for value in _torch_gauss(outputs))):
            struct.pack_into("<d", patched, _NORMAL, normal)
            struct.pack_into("<i", patched, _NORMAL_VALID, valid)
            yield xxh3_128_digest(bytes(patched))


# Python's and NumPy's own generators are digested by their memory.
_SHARED: dict[str, Recipe] = {"python": _python, "numpy": _numpy}


def _doubles(outputs: list[int]) -> tuple[float, float] | None:
    if len(outputs) < 4:
        return None
    a, b, c, d = outputs
    return ((a >> 5) * 2.0**26 + (b >> 6)) / 2.0**53, ((c >> 5) * 2.0**26 + (d >> 6)) / 2.0**53


def _python_gauss(outputs: list[int]) -> Iterator[float]:
    """Yield what ``random.gauss`` would have kept. Source: CPython's Lib/random.py."""
    if (pair := _doubles(outputs)) is not None:
        yield math.sin(pair[0] * math.tau) * math.sqrt(-2.0 * math.log(1.0 - pair[1]))


def _numpy_gauss(outputs: list[int]) -> Iterator[float]:
    """Yield what ``legacy_gauss`` would have kept. Source: NumPy's random/src/legacy/legacy-distributions.c."""
    if (pair := _doubles(outputs)) is not None:
        one, other = 2.0 * pair[0] - 1.0, 2.0 * pair[1] - 1.0
        radius = one * one + other * other
        if 0.0 < radius < 1.0:
            yield math.sqrt(-2.0 * math.log(radius) / radius) * one


def _torch_gauss(outputs: list[int]) -> Iterator[float]:
    """Yield what ``torch.randn`` would have kept. Source: torch's aten/src/ATen/core/DistributionsHelper.h."""
    if len(outputs) == 4:
        one, other = (((high << 32 | low) & (2**53 - 1)) / 2.0**53 for high, low in (outputs[:2], outputs[2:]))
        yield math.sqrt(-2.0 * math.log1p(-other)) * math.sin(2.0 * math.pi * one)
