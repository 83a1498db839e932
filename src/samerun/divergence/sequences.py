"""What two runs did inside a step, side by side: the first operation or draw of either that explains a difference."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import eq
from pathlib import Path
from typing import Literal, TypeAlias

from samerun.errors import TraceError
from samerun.tracing.draws import Draw
from samerun.tracing.ops import Op
from samerun.tracing.reader import Event
from samerun.tracing.sites import Site

__all__ = ["Finding", "Observed", "first_finding", "from_resumption", "observed"]

Observed: TypeAlias = "Op | Draw"
Shape: TypeAlias = Callable[["Op | Draw"], Hashable]

# How far ahead is looked for a place where both go on alike.
_AHEAD = 2000
# How many acts must be alike there; fewer if there is no such place.
_ALIKE = (4, 2)
# How many acts must be alike for two steps to begin there.
_BEGINNING = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that two runs did differently.

    Attributes:
        kind: ``"draw"``: one took what the other did not, or another amount; ``"set"``: a generator was set to other
            states; ``"made"``: an operation made other values of equal inputs, and of the same state of its generator
            if it drew; ``"drawn"``: a random operation made other values, and its generator is not known to have been
            in the same state; ``"arguments"``: an operation was given other numbers; ``"entered"``: an operation was
            given other tensors, which none before it had made; ``"order"``: they carried out different operations.
        first: what the first run did; ``None`` if only the second did something.
        second: what the second run did; ``None`` if only the first did something.
        before: how many operations and draws were the same before it.
        more: what the same run drew further from the same generator until both went on alike.
        passed: what only one of the runs did before it, which may have made what an operation was given otherwise.
    """

    kind: Literal["draw", "set", "made", "drawn", "arguments", "entered", "order"]
    first: Observed | None
    second: Observed | None
    before: int
    more: tuple[Draw, ...] = ()
    passed: Finding | None = None


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
        found = (
            _judge(first, second, (here, there)) if skipped is None else _extra(first, second, (here, there), skipped)
        )
        if found is not None and _matters(found, source):
            return replace(found, passed=passed) if found.kind == "entered" else found
        passed = passed or found
        steps = skipped or (1, 1)
        here, there = here + steps[0], there + steps[1]
    rest = next((Finding("draw", item, None, here) for item in first[here:] if isinstance(item, Draw)), None)
    rest = rest or next((Finding("draw", None, item, here) for item in second[there:] if isinstance(item, Draw)), None)
    return rest if rest is not None and _matters(rest, source) else passed


def from_resumption(
    whole: Sequence[Observed],
    resumed: Sequence[Observed],
    source: str | None = None,
    restored: Collection[Site | None] = (),
) -> tuple[Sequence[Observed], Sequence[Observed]]:
    """Return what two runs did in the first step of a resumed one, without what a process does to begin or to go on.

    Args:
        whole: what the uninterrupted run did in that step.
        resumed: what the resumed one did up to its end.
        source: the generator that is known to differ; what was drawn before it was restored does not matter.
        restored: the lines that restored it, which may look like draws that lead to that state.
    """
    if source is not None:
        own = [(at, act) for at, act in enumerate(resumed) if isinstance(act, Draw) and act.name == source]
        sets = [at for at, act in own if act.how == "set" or act.stack.site in restored]
        return whole, resumed[sets[-1] + 1 :] if sets else resumed
    ours, theirs = ([_shape(act) for act in acts] for acts in (whole, resumed))
    places: dict[tuple[Hashable, ...], int] = {}
    for at in range(len(theirs) - _BEGINNING + 1):
        places.setdefault(tuple(theirs[at : at + _BEGINNING]), at)
    for at in range(len(ours) - _BEGINNING + 1):
        if (there := places.get(tuple(ours[at : at + _BEGINNING]))) is not None:
            return whole[at:], resumed[there:]
    return whole, resumed


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
    # The same layers are called in several places; lines do not count where the script was changed.
    for shape in (_placed, _shape):
        if _go_on(first, second, (here, there), _ALIKE[0], shape):
            return None
        for alike in _ALIKE:
            for distance in range(1, _AHEAD):
                for ours, theirs in ((0, distance), (distance, 0)):
                    if _go_on(first, second, (here + ours, there + theirs), alike, shape):
                        return ours, theirs
    return None


def _go_on(
    first: Sequence[Observed], second: Sequence[Observed], at: tuple[int, int], alike: int, shape: Shape
) -> bool:
    """Return whether the next acts are alike, up to the end if that is nearer."""
    ours, theirs = (acts[start : start + alike] for acts, start in zip((first, second), at, strict=True))
    return bool(ours) and len(ours) == len(theirs) and all(map(eq, map(shape, ours), map(shape, theirs)))


def _placed(act: Observed) -> Hashable:
    """Return what an act is, with its line."""
    site = act.stack.site
    return _shape(act), site and (Path(site.file).name, site.line)


def _shape(act: Observed) -> Hashable:
    """Return what an act is, with whatever values."""
    if isinstance(act, Op):
        return act.kind, act.name, act.module, act.node
    return act.kind, act.name, act.how, act.count


def _extra(
    first: Sequence[Observed], second: Sequence[Observed], at: tuple[int, int], skipped: tuple[int, int]
) -> Finding | None:
    """Tell what only one of the runs did: the first draw in it that lasts, or else its first operation."""
    ours, theirs = (acts[start : start + more] for acts, start, more in zip((first, second), at, skipped, strict=True))
    only = ours or theirs
    draws = _lasting(only, (first if ours else second)[: at[0] if ours else at[1]])
    operations = [act for act in only if isinstance(act, Op)]
    if not draws and not operations:
        return None
    act: Observed = draws[0] if draws else operations[0]
    more = tuple(draw for draw in draws[1:] if draw.name == act.name)
    return Finding("draw" if draws else "order", act if ours else None, None if ours else act, at[0], more)


def _lasting(acts: Sequence[Observed], before: Sequence[Observed]) -> list[Draw]:
    """Return the draws among acts, without those after which the generator was put back to where it had been."""
    states = {act.name: act.digest for act in before if isinstance(act, Draw)}
    kept: list[Draw] = []
    for act in acts:
        if isinstance(act, Draw):
            kept.append(act)
            if act.how == "set":
                kept = _until(kept, act.name, states.get(act.name), act.digest)
    return kept


def _until(draws: list[Draw], name: str, initial: bytes | None, state: bytes) -> list[Draw]:
    """Return the draws up to where a generator was in a state, and those of other generators; all, if it never was."""
    own = [draw for draw in draws[:-1] if draw.name == name]
    states = [initial, *(draw.digest for draw in own)]
    if state not in states:
        return draws
    gone = own[states.index(state) :]
    return [draw for draw in draws[:-1] if not any(draw is other for other in gone)]


def _judge(first: Sequence[Observed], second: Sequence[Observed], at: tuple[int, int]) -> Finding:
    """Tell how two acts in the same place differ."""
    ours, theirs, before = first[at[0]], second[at[1]], at[0]
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
    drawn = (ours.drew or theirs.drew) and not _drew_alike(first[at[0] + 1 :], second[at[1] + 1 :], ours.drew)
    return Finding("drawn" if drawn else "made", ours, theirs, before)


def _drew_alike(first: Sequence[Observed], second: Sequence[Observed], name: str | None) -> bool:
    """Return whether the same draws led to the same state of a generator, which was then the same before them too."""
    ours, theirs = (
        next((act for act in acts if isinstance(act, Draw) and act.name == name), None) for acts in (first, second)
    )
    if ours is None or theirs is None or ours.how == "set":
        return False
    return (ours.digest, ours.how, ours.count) == (theirs.digest, theirs.how, theirs.count)
