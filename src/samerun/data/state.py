"""The state of a loader: a small JSON-able dict, and what must agree before one is loaded."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from samerun.data.position import Place, Position, Shard, Shards
from samerun.data.stateful import as_text
from samerun.errors import Problem, StateError

__all__ = ["VERSION", "Identity", "pack", "unpack"]

#: Of the state, and of everything that decides which items come: a state of another one would resume another run.
VERSION = 1


@dataclass(frozen=True)
class Identity:
    """What two loaders must have in common for one to go on from the other's state.

    Attributes:
        version: :data:`VERSION`.
        seed, name: the root of all keys.
        sampler: the type of what decides on the order; of an iterable dataset, its own type.
        length: samples in the dataset, or ``None`` if it does not say.
        entries: what somebody's sampler gives in an epoch; ``None`` if it does not say, or for torch's own orders.
        batch_size: samples in a global batch, over all ranks; ``None`` if a batch sampler decides.
        drop_last: whether an incomplete last batch is left out.
        workers, rank, world_size: for an iterable dataset, whose items belong to workers and ranks; ``None`` otherwise.
    """

    version: int
    seed: int
    name: str
    sampler: str
    length: int | None
    entries: int | None
    batch_size: int | None
    drop_last: bool
    workers: int | None = None
    rank: int | None = None
    world_size: int | None = None

    def refuse_other(self, found: Mapping[str, object], waive: Collection[str]) -> None:
        """Compare with a state.

        Raises:
            ValueError: for something to waive that is not compared.
            StateError: naming both values of everything that differs and is not waived.
        """
        ours = asdict(self)
        if "version" not in found:
            raise StateError([Problem("state", "no version in it", "what state_dict() of a samerun.DataLoader gave")])
        if unknown := set(waive) - set(ours):
            raise ValueError(f"waive: {sorted(unknown)} are not compared; {', '.join(ours)} are")
        problems = [
            Problem(name, repr(found.get(name)), repr(value), _ADVICE.get(name, f"or pass waive=[{name!r}]"))
            for name, value in ours.items()
            if name not in waive and (found.get(name) != value or type(found.get(name)) is not type(value))
        ]
        if problems:
            raise StateError(problems)


_ADVICE = {
    "version": "load it with the samerun that saved it, or pass waive=['version']",
    "batch_size": "it counts the samples of all ranks; keep world_size * batch_size, or pass waive=['batch_size']",
    "workers": "the items of an iterable dataset belong to workers; keep num_workers, or pass waive=['workers']",
    "rank": "each rank of an iterable dataset has a state of its own; save and load it by rank, or pass waive=['rank']",
    "world_size": "the items of an iterable dataset belong to ranks; keep the world size, or pass waive=['world_size']",
}

_NUMBERS = ("epoch", "samples", "taken", "next_worker")
_LISTS = ("received", "shards")


def pack(identity: Identity, epoch: int, place: Place) -> dict[str, Any]:
    """Return a state dict of always the same keys, so that one can be the template of another."""
    position = place if isinstance(place, Position) else Position()
    shards = place if isinstance(place, Shards) else Shards()
    return {
        **asdict(identity),
        "epoch": epoch,
        "samples": position.samples,
        "taken": position.taken,
        "received": list(position.received),
        "sampler_state": _text("sampler_state", position.sampler),
        "next_worker": shards.next_worker,
        "shards": [[*shard[:3], _text("shards", shard.state)] for shard in shards.shards],
    }


def _text(where: str, state: Any) -> str:
    # Distributed checkpoints take dicts apart, and then find no place for one that was not there before.
    try:
        return as_text(state)
    except (TypeError, ValueError) as error:
        advice = "make its state_dict() return JSON values"
        raise StateError([Problem(where, f"a value that is not JSON ({error})", "JSON values", advice)]) from error


def _from_text(where: str, text: object) -> Any:
    try:
        return json.loads(text)  # type: ignore[arg-type]  # what is no text is refused
    except (TypeError, ValueError) as error:
        raise StateError([Problem(where, repr(text), "the text of a JSON value")]) from error


def unpack(
    identity: Identity, state: Mapping[str, Any], waive: Collection[str], limit: int | None = None
) -> tuple[int, Place]:
    """Return the epoch and the place in it that a state stands for.

    Args:
        identity: of the loader that is to go on from it.
        state: what :func:`pack` gave.
        waive: what may differ.
        limit: how many entries an epoch has, over all ranks, if that is known.

    Raises:
        StateError: for a state of another loader, or one that is none.
    """
    if not isinstance(state, Mapping):
        raise StateError([Problem("state", type(state).__name__, "a dict that state_dict() gave")])
    waive = (waive,) if isinstance(waive, str) else waive
    identity.refuse_other(state, waive)
    problems = [
        Problem(name, repr(state.get(name)), "an integer from 0")
        for name in _NUMBERS
        if type(state.get(name)) is not int or state[name] < 0
    ]
    problems += [
        Problem(name, repr(state.get(name)), "a list")
        for name in _LISTS
        if not isinstance(state.get(name), list | tuple)
    ]
    problems += [
        Problem("state", f"the key {name!r}", "only those that state_dict() gives")
        for name in state
        if name not in (*_NUMBERS, *_LISTS, "sampler_state", *(field.name for field in fields(Identity)))
    ]
    if problems:
        raise StateError(problems)
    if identity.workers is not None:
        return state["epoch"], Shards(state["next_worker"], tuple(map(_shard, state["shards"])))
    if limit is not None and state["taken"] > limit and not {"length", "entries"} & set(waive):
        raise StateError([Problem("taken", str(state["taken"]), f"at most the {limit} there are")])
    received = tuple(state["received"])
    if not all(type(samples) is int and samples >= 0 for samples in received):
        raise StateError([Problem("received", repr(received), "integers from 0")])
    if received and state.get("batch_size") != identity.batch_size:
        advice = "resume with in_order=True from a state without them"
        raise StateError([Problem("received", repr(received), "none, because batches have another size here", advice)])
    sampler = _from_text("sampler_state", state.get("sampler_state"))
    return state["epoch"], Position(state["samples"], state["taken"], sampler, received)


def _shard(found: Any) -> Shard:
    if (
        not isinstance(found, list | tuple)
        or len(found) != len(Shard._fields)
        or [type(value) for value in found[:3]] != [int, int, bool]
    ):
        raise StateError([Problem("shards", repr(found), "[worker, items, done, state] of each")])
    worker, items, done, text = found
    return Shard(worker, items, done, _from_text("shards", text))
