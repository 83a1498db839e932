"""Looking into a loader: what it keys, what no key reaches, and one item again."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xxhash
from torch.utils.data._utils.collate import default_collate, default_convert

from samerun.data.generators import Generators, lent, wanted
from samerun.data.guard import unguarded
from samerun.data.kinds import MapStyle
from samerun.data.maker import Collate, MapMaker
from samerun.data.plan import OrderPlan, Plan
from samerun.data.position import Position
from samerun.data.request import Made, Request
from samerun.data.split import Split, ranks
from samerun.errors import LoaderError, StateError
from samerun.state import fingerprint

if TYPE_CHECKING:
    from samerun.data.loader import DataLoader

__all__ = ["Explanation", "Finding", "Report", "check", "explain", "reproduce"]


@dataclass(frozen=True)
class Explanation:
    """What a loader keys and how.

    Attributes:
        keyed: what each source is keyed by, by name or by path inside ``dataset`` and ``collate_fn``.
        unkeyed: the global sources that are left out; a draw from one is an error.
        order: where the order comes from.
        notes: what to know.
    """

    keyed: dict[str, str]
    unkeyed: tuple[str, ...]
    order: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        width = max(map(len, (*self.keyed, *self.unkeyed, "order")))
        rows = [f"{name:<{width}}  keyed by {key}" for name, key in self.keyed.items()]
        rows += [f"{name:<{width}}  not keyed; a draw is an error" for name in self.unkeyed]
        return "\n".join([*rows, f"{'order':<{width}}  {self.order}", *(f"note: {note}" for note in self.notes)])


def explain(loader: DataLoader[Any]) -> Explanation:
    """Return what a loader keys and how; see :meth:`samerun.DataLoader.explain`."""
    generators = Generators(wanted(loader.rngs), dataset=loader.dataset, collate_fn=unguarded(loader.collate_fn))
    notes = []
    if isinstance(loader._kind, MapStyle):
        plan, maker = loader._kind.plan(loader), loader._kind.maker(loader)
        by, order = "item (epoch, ordinal)", _order(plan)
        if maker.whole:
            by = "batch (epoch, first ordinal)"
            notes.append("the dataset makes whole batches (__getitems__), so another batch size makes other items")
    else:
        by, order = "item of a shard (epoch, shard, n)", "that of the dataset; a shard is a worker of a rank"
        notes.append("another number of workers or ranks makes other items")
    if unguarded(loader.collate_fn) not in (default_collate, default_convert):
        notes.append("collate_fn is keyed by batch")
    if loader.generator is not None:
        notes.append("generator= is not drawn from; the order and the workers' seeds follow from seed")
    keyed = dict.fromkeys(generators.keyed, by)
    if isinstance(loader._kind, MapStyle) and not loader._kind.plan(loader).random_access:
        samplers = Generators((), sampler=loader.sampler, batch_sampler=loader.batch_sampler)
        keyed |= dict.fromkeys(samplers.keyed, "epoch")
    return Explanation(keyed, tuple(generators.unkeyed), order, tuple(notes))


def _order(plan: Plan) -> str:
    if isinstance(plan, OrderPlan):
        shuffled = "a permutation chosen by (seed, name, epoch)" if plan.sampler == "RandomSampler" else "0, 1, 2, ..."
        return f"{shuffled}, entered anywhere at once"
    return f"{plan.sampler}, iterated in a stream that begins at the key of the epoch"


def reproduce(loader: DataLoader[Any], epoch: int, ordinal: int) -> Any:
    """Make one item again; see :meth:`samerun.DataLoader.reproduce`."""
    if not isinstance(loader._kind, MapStyle):
        raise TypeError("an iterable dataset cannot be asked for one item; iterate it up to there")
    request = _request(loader, epoch, ordinal)
    maker = loader._kind.maker(loader)
    place = request.ordinals.index(ordinal)
    if not maker.whole:
        request = _single(request, place)
        place = 0
    with lent(maker.lend()):
        return maker.make(request)[place]


def _request(loader: DataLoader[Any], epoch: int, ordinal: int) -> Request:
    assert isinstance(loader._kind, MapStyle)
    _, world_size = ranks(loader.rank, loader.world_size)
    for rank in range(world_size if ordinal >= 0 else 0):
        plan = _plan(loader, Split(rank, world_size, loader.uneven))
        start = Position()
        if plan.random_access and plan.batch_size and plan.length:
            begin = min(ordinal, plan.length - 1) // plan.batch_size * plan.batch_size
            start = Position(begin, begin)
        for request, mark in plan.requests(epoch, start):
            if ordinal in request.ordinals:
                return request
            if mark.before > ordinal:
                break
    raise IndexError(f"epoch {epoch} has no item {ordinal} that can be reached from this rank")


def _plan(loader: DataLoader[Any], split: Split | None = None) -> Plan:
    """Return a plan whose samplers can be walked without moving the loader's own."""
    assert isinstance(loader._kind, MapStyle)
    samplers = (loader.sampler, loader.batch_sampler)
    if loader._kind.plan(loader).random_access:
        return loader._kind.plan(loader, split)
    return loader._kind.plan(loader, split, deepcopy(samplers, {id(loader.dataset): loader.dataset}))


def _single(request: Request, place: int) -> Request:
    ordinal = request.ordinals[place]
    return request._replace(ordinals=range(ordinal, ordinal + 1), indices=[request.indices[place]])


@dataclass(frozen=True)
class Finding:
    """A field whose bits differ when the same thing is made once more.

    Attributes:
        what: the item by ordinal and index, or the batch.
        field: where in it, as a key path; empty for the whole.
        when: under which circumstance.
        cause: what is probable.
    """

    what: str
    field: str
    when: str
    cause: str

    def __str__(self) -> str:
        return f"{self.what}{f', field {self.field}' if self.field else ''}: other bits {self.when}; {self.cause}"


@dataclass(frozen=True)
class Report:
    """What :meth:`samerun.DataLoader.check` found. True where everything was the same.

    Attributes:
        items: how many items were made.
        findings: what differed.
    """

    items: int
    findings: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        if self:
            return f"{self.items} items: the same bits again, in another order and in another process"
        alike: dict[tuple[str, str, str], list[str]] = {}
        for found in self.findings:
            alike.setdefault((found.field, found.when, found.cause), []).append(found.what)
        rows = [f"{self.items} items were made, and bits differ:"]
        for (field, when, cause), whats in alike.items():
            shown = ", ".join(whats[:_SHOWN]) + (f" and {len(whats) - _SHOWN} more" if len(whats) > _SHOWN else "")
            rows += [f"  {when}: {f'field {field} of ' if field else ''}{shown}", f"    {cause}"]
        return "\n".join(rows)


_SHOWN = 3

_Bits = dict[tuple[str, str], str]  # what and field -> fingerprint

_CAUSES = {
    "made a second time": "it draws from something no key reaches: a generator inside a C library or one made anew"
    " without a seed, os.urandom, the clock; or it changes what it is made of",
    "made in another order": "it depends on the items made before it: a counter, or a generator that goes on",
    "made in another process": "it depends on what the process did before (a cache), or on the process itself: string"
    " hashes, addresses, process id",
}


def check(loader: DataLoader[Any], items: int) -> Report:
    """Compare items made several times; see :meth:`samerun.DataLoader.check`."""
    if not isinstance(loader._kind, MapStyle):
        raise TypeError(
            "an iterable dataset cannot be asked for the same item twice; compare two epochs of set_epoch(0)"
        )
    if items < 1:
        raise ValueError(f"items must be 1 or more, not {items}")
    maker = loader._kind.maker(loader)
    requests, count = _first(loader, items)
    elsewhere = _in_another_process(loader, _once, maker, requests)
    here, again, reordered = _in_another_process(loader, _repeatedly, maker, requests)
    rounds = {
        "made a second time": again,
        "made in another order": reordered,
        "made in another process": elsewhere[0],
    }
    findings: dict[tuple[str, str], Finding] = {}
    for when, found in rounds.items():
        for what in [*here, *(new for new in found if new not in here)]:
            if what not in findings and here.get(what) != found.get(what):
                findings[what] = Finding(*what, when, _CAUSES[when])
    # A batch of items that differ says nothing more.
    of_items = [finding for finding in findings.values() if finding.what.startswith("item")]
    return Report(count, tuple(of_items or findings.values()))


def _once(maker: MapMaker, requests: list[Request]) -> list[_Bits]:
    return [_bits(maker, requests)]


def _repeatedly(maker: MapMaker, requests: list[Request]) -> list[_Bits]:
    # First the same indices in another epoch, for caches to keep.
    _bits(maker, [request._replace(epoch=request.epoch + 1) for request in requests])
    return [_bits(maker, requests), _bits(maker, requests), _bits(maker, requests[::-1], backwards=True)]


def _first(loader: DataLoader[Any], items: int) -> tuple[list[Request], int]:
    assert isinstance(loader._kind, MapStyle)
    requests, count = [], 0
    for request, _ in _plan(loader).requests(0, Position()):
        requests.append(request)
        count += len(request.indices)
        if count >= items:
            break
    return requests, count


def _bits(maker: MapMaker, requests: list[Request], *, backwards: bool = False) -> _Bits:
    bits: _Bits = {}
    collate = Collate(maker)
    for request in requests:
        if backwards and not maker.whole:
            turned = request._replace(ordinals=request.ordinals[::-1], indices=request.indices[::-1])
            items = maker.make(turned)[::-1]
        else:
            items = maker.make(request)
        for ordinal, index, item in zip(request.ordinals, request.indices, items, strict=True):
            for field, value in _leaves(item, ""):
                bits[f"item {ordinal} (index {index!r})", field] = value
        for field, value in _leaves(collate(Made(request, items))[1], ""):
            bits[f"the batch from item {request.ordinals.start} on", field] = value
    return bits


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield ``(path, fingerprint)`` for everything inside an item."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _leaves(child, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for place, child in enumerate(value):
            yield from _leaves(child, f"{path}[{place}]")
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name), f"{path}.{field.name}")
    else:
        yield path, _fingerprint(value)


def _fingerprint(value: Any) -> str:
    try:
        return fingerprint(value)
    except StateError:
        pass
    if hasattr(value, "__array_interface__"):  # an image of Pillow
        return fingerprint(np.asarray(value))
    return xxhash.xxh3_128_hexdigest(pickle.dumps(value))


def _in_another_process(
    loader: DataLoader[Any],
    task: Callable[[MapMaker, list[Request]], list[_Bits]],
    maker: MapMaker,
    requests: list[Request],
) -> list[_Bits]:
    context = loader.multiprocessing_context or torch.multiprocessing.get_context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, task, maker, requests), daemon=True)
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        process.join()
        raise LoaderError("check", f"the other process ended with code {process.exitcode} and no answer") from None
    process.join()
    if isinstance(found, Exception):
        raise found
    rounds: list[_Bits] = found
    return rounds


def _answer(
    pipe: Any,
    task: Callable[[MapMaker, list[Request]], list[_Bits]],
    maker: MapMaker,
    requests: list[Request],
) -> None:
    torch.set_num_threads(1)
    try:
        pipe.send(task(maker, requests))
    except Exception as error:
        pipe.send(error)
