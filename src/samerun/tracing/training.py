"""What one optimizer trains: its parameters, their gradients, its own state and rates, and the buffers beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch
from torch.optim import Optimizer
from xxhash import xxh3_128_digest

from samerun.tracing.away import Away
from samerun.tracing.fingerprint import Tensors, digest, held_digest, layout_of
from samerun.tracing.format import PART_BYTES
from samerun.tracing.later import Digest, Later, combined
from samerun.tracing.owners import Alive, Owners

__all__ = ["Group", "Layout", "Record", "Training", "layout"]

#: Name, dtype and shape of each part.
Layout: TypeAlias = list[tuple[str, str, list[int]]]


@dataclass(slots=True)
class Record:
    """What stands for many tensors at one moment.

    Attributes:
        digest: over all of them.
        parts: the first 8 bytes of the digest of each.
        layout: what the parts are, if that is new.
    """

    digest: Digest
    parts: Digest
    layout: Layout | None = None


class Group:
    """Tensors that are looked at together at every step.

    Args:
        away: where those of devices are held.
    """

    def __init__(self, away: Away) -> None:
        self.tensors = Tensors(away)
        self.known: Layout | None = None

    def record(self, tensors: Sequence[torch.Tensor | None], layout: Layout) -> Record:
        return self.joined(self.tensors.digests(tensors), layout)

    def joined(self, digests: Sequence[Digest], layout: Layout) -> Record:
        new, self.known = None if layout is self.known or layout == self.known else layout, layout
        return Record(combined(digests, _whole), combined(digests, _parts), new)


def _whole(digests: list[bytes]) -> bytes:
    return xxh3_128_digest(b"".join(digests))


def _parts(digests: list[bytes]) -> bytes:
    return b"".join([found[:PART_BYTES] for found in digests])


class Training:
    """An optimizer and what it trains, looked at without keeping the optimizer or the modules alive.

    Args:
        optimizer: whose parameters are looked up now.
        alive: with the modules they may belong to.
        away: where the tensors of devices are held.

    Attributes:
        model: the modules that were found, as JSON values; see :meth:`Owners.described`.
    """

    def __init__(self, optimizer: Optimizer, alive: Alive, away: Away) -> None:
        self._away = away
        self._parameters = _parameters(optimizer)
        owners = Owners(self._parameters, alive)
        self.model = owners.described()
        self._names = owners.names
        self._buffers = owners.buffers()
        self._layout = layout(zip(self._names, self._parameters, strict=True))
        self._kept, self._graded, self._stated, self._buffered = (Group(away) for _ in range(4))
        self._state_keys: list[Any] = []
        self._state_layout: Layout = []
        self._buffer_layout: Layout = []
        self._unsettled = True
        self._rates: tuple[Any, tuple[bytes, str]] = (None, (b"", ""))

    def is_current(self, optimizer: Optimizer) -> bool:
        """Return whether the optimizer still has the parameters it had."""
        return sum(len(group["params"]) for group in optimizer.param_groups) == len(self._parameters)

    def settle(self) -> None:
        """Look again at dtypes and shapes, which a script may change; done at the steps whose parts are kept."""
        self._layout = _same_or_new(self._layout, zip(self._names, self._parameters, strict=True))
        self._unsettled = True

    def parameters(self) -> Record:
        """Return what stands for the parameters."""
        return self._kept.record(self._parameters, self._layout)

    def gradients(self) -> Record:
        """Return what stands for the gradients; the part of a parameter that has none is zero."""
        return self._graded.record([parameter.grad for parameter in self._parameters], self._layout)

    def buffers(self) -> Record | None:
        """Return what stands for the buffers of all modules that hold a parameter or are inside of one that does."""
        found = self._buffers.named()
        if not found:
            return None
        if self._unsettled or len(found) != len(self._buffer_layout):
            self._buffer_layout = _same_or_new(self._buffer_layout, found)
            self._unsettled = False
        return self._buffered.record([buffer for _, buffer in found], self._buffer_layout)

    def state(self, optimizer: Optimizer) -> Record | None:
        """Return what stands for the state that the optimizer keeps for each parameter."""
        states = [optimizer.state.get(parameter, {}) for parameter in self._parameters]
        keys = [tuple(state) for state in states]
        values = [value for state in states for value in state.values()]
        if not values:
            return None
        if keys != self._state_keys:
            self._state_keys, self._stated = keys, Group(self._away)
            named = zip(self._names, states, strict=True)
            self._state_layout = [
                _part(f"{name}.{key}", value) for name, state in named for key, value in state.items()
            ]
        tensors = [value if isinstance(value, torch.Tensor) else None for value in values]
        digests = self._stated.tensors.digests(tensors)
        for at, value in enumerate(values):
            if tensors[at] is None:
                digests[at] = digest(value)
        return self._stated.joined(digests, self._state_layout)

    def rates(self, optimizer: Optimizer) -> tuple[Digest, str | Later[str]]:
        """Return a digest of every setting of all groups, and their learning rates as JSON."""
        names = [[name for name in group if name != "params"] for group in optimizer.param_groups]
        values = [
            self._plain(group[name])
            for group, chosen in zip(optimizer.param_groups, names, strict=True)
            for name in chosen
        ]
        found = combined(values, partial(self._told, names))
        return combined([found], lambda told: told[0][0]), combined([found], lambda told: told[0][1])

    def _told(self, names: list[list[str]], values: list[Any]) -> tuple[bytes, str]:
        left = iter(values)
        groups = [{name: next(left) for name in chosen} for chosen in names]
        known, rates = self._rates
        if groups != known:
            rates = digest(groups), json.dumps([group.get("lr") for group in groups], default=repr)
            self._rates = groups, rates
        return rates

    def _plain(self, value: Any) -> Any:
        """Return a setting as something that can be compared; a learning rate may be a tensor."""
        if not isinstance(value, torch.Tensor):
            return value
        if value.numel() == 1:
            return self._away.number(value)
        return combined([held_digest(value, self._away.once())], lambda found: found[0].hex())


def _parameters(optimizer: Optimizer) -> list[torch.Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _part(name: str, value: Any) -> tuple[str, str, list[int]]:
    return (name, *layout_of(value)) if isinstance(value, torch.Tensor) else (name, type(value).__name__, [])


def layout(named: Any) -> Layout:
    """Return what the parts of named tensors are."""
    return [_part(name, tensor) for name, tensor in named]


def _same_or_new(known: Layout, named: Any) -> Layout:
    found = layout(named)
    return known if found == known else found
