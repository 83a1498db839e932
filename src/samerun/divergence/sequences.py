"""What two runs did inside a step, side by side: the first operation or draw of either that explains a difference."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from samerun.errors import TraceError
from samerun.tracing.draws import Draw
from samerun.tracing.ops import Op
from samerun.tracing.reader import Event

__all__ = ["Finding", "Observed", "first_finding", "observed"]

Observed: TypeAlias = "Op | Draw"

# How far ahead is looked for a place where both go on alike.
_AHEAD = 2000
# How many acts must be alike there; fewer if there is no such place.
_ALIKE = (4, 2)


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that two runs did differently.

    Attributes:
        kind: ``"draw"``: one took what the other did not, or another amount; ``"set"``: a generator was set to other
            states; ``"made"``: an operation made other values of equal inputs; ``"drawn"``: a random operation made
            other values, because its generator was in another state; ``"arguments"``: an operation was given other
            numbers; ``"entered"``: an operation was given other tensors, which none before it had made; ``"order"``:
            they carried out different operations.
        first: what the first run did; ``None`` if only the second did something.
        second: what the second run did; ``None`` if only the first did something.
        before: how many operations and draws were the same before it.
        more: what the same run drew further from the same generator until both went on alike.
    """

    kind: Literal["draw", "set", "made", "drawn", "arguments", "entered", "order"]
    first: Observed | None
    second: Observed | None
    before: int
    more: tuple[Draw, ...] = ()


def observed(events: Iterable[Event]) -> list[Observed]:
    """Return the operations and draws among events.

    Raises:
        TraceError: if one is not written as it should be.
    """
    found: list[Observed] = []
    for event in events:
        name, value = event.series.name, str(event.value)
        try:
            if event.series.kind == "op":
                found.append(Op.read(name, event.digest, value, event.parts))
            elif event.series.kind == "draw":
                found.append(Draw.read(name, event.digest, value))
        except (ValueError, KeyError, TypeError) as error:
            raise TraceError(f"event {event.seq}", f"is no operation and no draw: {error}") from error
    return found


def first_finding(first: Sequence[Observed], second: Sequence[Observed], source: str | None = None) -> Finding | None:
    """Return the first difference that matters, or ``None``.

    Operations that only one of the runs carries out do not matter if both go on alike after them; draws always do.

    Args:
        first: what the first run did, in order.
        second: the same of the second run.
        source: the generator that is known to differ; draws from others do not matter then.
    """
    passed: Finding | None = None
    here = there = 0
    while here < len(first) and there < len(second):
        ours, theirs = first[here], second[there]
        if _token(ours) == _token(theirs):
            here, there = here + 1, there + 1
            continue
        skipped = _rejoin(first, second, here, there)
        found = _judge(ours, theirs, here) if skipped is None else _extra(first, second, (here, there), skipped)
        if _matters(found, source):
            return found
        passed = passed or found
        steps = skipped or (1, 1)
        here, there = here + steps[0], there + steps[1]
    rest = next((Finding("draw", item, None, here) for item in first[here:] if isinstance(item, Draw)), None)
    rest = rest or next((Finding("draw", None, item, here) for item in second[there:] if isinstance(item, Draw)), None)
    return rest if rest is not None and _matters(rest, source) else passed


def _matters(found: Finding, source: str | None) -> bool:
    acts = [act for act in (found.first, found.second) if act is not None]
    if found.kind in ("draw", "set"):
        return source is None or any(act.name == source for act in acts)
    return source is None and len(acts) == 2


def _token(item: Observed) -> Hashable:
    """Return what must be equal for two runs to have done the same."""
    if isinstance(item, Op):
        return item.name, item.digest
    # The state after a draw follows from the one before, which is compared where it was set.
    settled = item.digest if item.how == "set" else None
    return item.name, item.how, item.count, settled


def _rejoin(first: Sequence[Observed], second: Sequence[Observed], here: int, there: int) -> tuple[int, int] | None:
    """Return how many acts to pass over in either run to where both go on alike; ``None`` for a difference in place."""
    if _go_on(first, second, (here, there), _ALIKE[0]):
        return None
    for alike in _ALIKE:
        for distance in range(1, _AHEAD):
            for ours, theirs in ((0, distance), (distance, 0)):
                if _go_on(first, second, (here + ours, there + theirs), alike):
                    return ours, theirs
    return None


def _go_on(first: Sequence[Observed], second: Sequence[Observed], at: tuple[int, int], alike: int) -> bool:
    """Return whether the next acts are alike, up to the end if that is nearer."""
    ours, theirs = (acts[start : start + alike] for acts, start in zip((first, second), at, strict=True))
    return bool(ours) and len(ours) == len(theirs) and all(map(_are_alike, ours, theirs))


def _are_alike(ours: Observed, theirs: Observed) -> bool:
    """Return whether two runs did the same, with whatever values."""
    if isinstance(ours, Op) and isinstance(theirs, Op):
        return (ours.name, ours.module, ours.node) == (theirs.name, theirs.module, theirs.node)
    return isinstance(ours, Draw) and isinstance(theirs, Draw) and _shape(ours) == _shape(theirs)


def _shape(draw: Draw) -> Hashable:
    return draw.name, draw.how, draw.count


def _extra(
    first: Sequence[Observed], second: Sequence[Observed], at: tuple[int, int], skipped: tuple[int, int]
) -> Finding:
    """Tell what only one of the runs did: the first draw in it, or else its first operation."""
    ours, theirs = (acts[start : start + more] for acts, start, more in zip((first, second), at, skipped, strict=True))
    only = ours or theirs
    draws = [act for act in only if isinstance(act, Draw)]
    act: Observed = draws[0] if draws else only[0]
    more = tuple(draw for draw in draws[1:] if draw.name == act.name)
    return Finding("draw" if draws else "order", act if ours else None, None if ours else act, at[0], more)


def _judge(ours: Observed, theirs: Observed, before: int) -> Finding:
    """Tell how two acts in the same place differ."""
    if isinstance(ours, Draw) and isinstance(theirs, Draw) and ours.name == theirs.name:
        return Finding("set" if ours.how == theirs.how == "set" else "draw", ours, theirs, before)
    if isinstance(ours, Draw):
        return Finding("draw", ours, None, before)
    if isinstance(theirs, Draw):
        return Finding("draw", None, theirs, before)
    if ours.name != theirs.name:
        return Finding("order", ours, theirs, before)
    if ours.arguments != theirs.arguments:
        return Finding("arguments", ours, theirs, before)
    if ours.inputs != theirs.inputs:
        return Finding("entered", ours, theirs, before)
    return Finding("drawn" if ours.drew or theirs.drew else "made", ours, theirs, before)
