"""What lies between two states of the same sources: which differ, and by how many draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from samerun.rng.mersenne import Twister, draws_between
from samerun.rng.source import Packed
from samerun.rng.torch import cpu_twister
from samerun.state import fingerprint

__all__ = ["DRAWS_BOUND", "SourceDiff", "StateDiff", "compare"]

#: How many draws are searched in each direction by default; takes about 0.1 s where there is no path.
DRAWS_BOUND = 10_000_000


# The fields that hold the words and the position of a Mersenne Twister; torch's CPU generator is one more.
_MERSENNE = (("words", "position"), ("state.key", "state.pos"))


@dataclass(frozen=True, slots=True)
class SourceDiff:
    """How one source differs between two states.

    Attributes:
        name: of the source.
        same: whether all bits are equal.
        draws: how many draws the second state is ahead of the first (negative: behind); ``None`` if not known.
            For a Mersenne Twister a draw is one 32-bit word, for Philox (CUDA, XPU) one step of its offset.
        text: the answer in words.
    """

    name: str
    same: bool
    draws: int | None
    text: str


@dataclass(frozen=True, slots=True)
class StateDiff:
    """The differences of two states, source by source; true if there are any. ``str`` gives a table."""

    sources: tuple[SourceDiff, ...]

    def __bool__(self) -> bool:
        return any(not source.same for source in self.sources)

    def __getitem__(self, name: str) -> SourceDiff:
        for source in self.sources:
            if source.name == name:
                return source
        raise KeyError(name)

    def __str__(self) -> str:
        width = max((len(source.name) for source in self.sources), default=0)
        return "\n".join(f"{source.name:<{width}}  {source.text}" for source in self.sources)


def compare(first: Mapping[str, Packed], second: Mapping[str, Packed], bound: int) -> StateDiff:
    """Compare two sets of packed states by source name."""
    names = sorted({*first, *second})
    return StateDiff(tuple(_compare_one(name, first.get(name), second.get(name), bound) for name in names))


def _compare_one(name: str, first: Packed | None, second: Packed | None, bound: int) -> SourceDiff:
    if first is None or second is None:
        return SourceDiff(name, False, None, "only in the second state" if first is None else "only in the first state")
    if first.kind != second.kind:
        return SourceDiff(name, False, None, f"{first.kind} in the first state, {second.kind} in the second")
    if fingerprint(dict(first.fields)) == fingerprint(dict(second.fields)):
        return SourceDiff(name, True, 0, "same")
    if first.kind == "torch.philox":
        return _philox(name, first, second)
    ours, theirs = _twister(first), _twister(second)
    if ours is None or theirs is None:
        return SourceDiff(name, False, None, "differs")
    (twister, beside), (other, other_beside) = ours, theirs
    draws = draws_between(twister, other, bound)
    if draws is None:
        return SourceDiff(name, False, None, f"differs; neither is reachable from the other within {bound:,} draws")
    text = f"{abs(draws)} {'draw' if abs(draws) == 1 else 'draws'} {'ahead' if draws > 0 else 'behind'}"
    if draws == 0:
        text = "no draw apart"
    if beside != other_beside:
        text += "; the cached gaussian or the initial seed differs"
    return SourceDiff(name, False, draws, text)


def _twister(packed: Packed) -> tuple[Twister, bytes] | None:
    """Return the Mersenne Twister in a packed state and all that is beside it, or ``None`` if there is no valid one."""
    fields = packed.fields
    try:
        if packed.kind == "torch.mt19937":
            twister, beside = cpu_twister(fields["bytes"])
        else:
            words, position = next(pair for pair in _MERSENNE if {*pair} <= fields.keys())
            twister = Twister(fields[words].numpy(), int(fields[position].reshape(-1)[0]))
            beside = b"".join(fields[name].numpy().tobytes() for name in ("has_gauss", "gauss") if name in fields)
    except (StopIteration, KeyError, ValueError, TypeError, IndexError):  # another algorithm, or a damaged state
        return None
    return None if twister.problem() else (twister, beside)


def _philox(name: str, first: Packed, second: Packed) -> SourceDiff:
    for packed in (first, second):
        found = packed.fields.get("bytes")
        if found is None or found.dtype != torch.uint8 or found.numel() != 16:  # restore would refuse it
            return SourceDiff(name, False, None, "differs")
    seed, offset = first.fields["bytes"].numpy().view(np.uint64).tolist()
    other_seed, other_offset = second.fields["bytes"].numpy().view(np.uint64).tolist()
    if seed != other_seed:
        return SourceDiff(name, False, None, f"seed {seed} in the first state, {other_seed} in the second")
    steps = other_offset - offset
    return SourceDiff(name, False, steps, f"{abs(steps)} steps of the offset {'ahead' if steps > 0 else 'behind'}")
