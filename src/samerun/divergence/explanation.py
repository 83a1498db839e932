"""The answer to why two runs differ: which line, operation or draw, in words and as JSON."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any

from samerun.determinism import Change
from samerun.divergence import words
from samerun.divergence.pairs import Pair
from samerun.divergence.sequences import Finding, Observed
from samerun.divergence.values import ValueDifference
from samerun.tracing.draws import Draw
from samerun.tracing.format import Phase
from samerun.tracing.ops import Op
from samerun.tracing.reader import Series
from samerun.tracing.sites import Site, Stack

__all__ = ["Explanation", "Place"]

_SIDES = ("first", "second")
# Entries of the environments that are shown.
_MOST = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where two traces first differ, in the steps of the first."""

    step: int
    phase: Phase
    nth: int
    series: Series

    @classmethod
    def of(cls, pair: Pair) -> Place:
        """Return the place of a pair."""
        return cls(pair.step, pair.phase, pair.nth, pair.series)

    def __str__(self) -> str:
        return f"in step {self.step}, {words.MOMENTS[self.phase]}: {words.subject(self.series)}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two runs differ.

    Attributes:
        place: where the traces first differ; ``None`` if they do not.
        reruns: where each pair of reruns first differed, as far as that step; ``None`` for a pair that did not.
        repeated: for either run, how many of its reruns had the bits of its recording up to there.
        finding: what the runs of a pair did differently; ``None`` if nothing was found.
        values: how the tensors of that operation differ, by their names.
        remarks: what to know about the reruns.
        changed: for either run, the files of its code that are not what they were when it was recorded.
        environment: what differs between the environments that the runs were recorded in.
    """

    place: Place | None
    reruns: tuple[Place | None, ...] = ()
    repeated: tuple[int, int] = (0, 0)
    finding: Finding | None = None
    values: dict[str, ValueDifference] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    changed: tuple[tuple[Path, ...], tuple[Path, ...]] = ((), ())
    environment: tuple[Change, ...] = ()

    @property
    def differing(self) -> int:
        """How many pairs of reruns differed."""
        return sum(place is not None for place in self.reruns)

    @property
    def race(self) -> bool:
        """Whether a run whose code is what it was does not repeat itself: its bits depend on more than was recorded."""
        return any(not self.changed[side] for side in self._others)

    @property
    def outdated(self) -> bool:
        """Whether a run does not repeat its recording and its code is not what it was: that explains nothing else."""
        return any(self.changed[side] for side in self._others)

    @property
    def _others(self) -> list[int]:
        """The runs that do other than their recordings."""
        return [side for side in (0, 1) if self.repeated[side] < len(self.reruns)]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "same": self.place is None,
            "place": None if self.place is None else _place_json(self.place),
            "reruns": [None if place is None else _place_json(place) for place in self.reruns],
            "repeated": list(self.repeated),
            "race": self.race,
            "outdated": self.outdated,
            "changed": [list(map(str, files)) for files in self.changed],
            "finding": _finding_json(self.finding),
            "values": {name: asdict(value) for name, value in self.values.items()},
            "remarks": list(self.remarks),
            "environment": [
                {"name": change.name, "first": change.first, "second": change.second} for change in self.environment
            ],
        }

    def text(self, base: Path | None = None) -> str:
        """Return it in words, for one screen; files inside ``base`` are named from there."""
        if self.place is None:
            return "The traces do not differ, so there is nothing to explain."
        parts = [*self._changes_in_words(base), f"The first difference is {self.place}.", self._reruns_in_words()]
        if self.finding is not None:
            parts.append("\n".join(_finding_in_words(self.finding, base, self.race)))
        elif self.differing:
            parts.append(_NOTHING_FOUND)
        parts += [f"{name}: {value}" for name, value in self.values.items()]
        if self.environment and self.finding is not None and self.finding.kind == "made":
            changes = [f"  {words.change(change)}" for change in self.environment[:_MOST]]
            parts.append("\n".join(["The environments differ:", *changes]))
        parts += [f"Note: {remark}" for remark in self.remarks]
        return "\n\n".join("\n".join(map(_wrapped, part.split("\n"))) for part in parts)

    def _changes_in_words(self, base: Path | None) -> Iterator[str]:
        """Tell first which code is not what it was, as nothing else counts where a run does not repeat itself."""
        for side, (which, files) in enumerate(zip(_SIDES, self.changed, strict=True)):
            if files:
                effect = "which is why it does something else" if side in self._others else "without effect"
                names = words.listed([_path(str(file), base) for file in files])
                yield f"The code of the {which} run was changed since it was recorded, {effect}: {names}."
        if self.outdated:
            yield "Record that run again, or bring its code back, to have the difference explained."

    def _reruns_in_words(self) -> str:
        number, differing = len(self.reruns), self.differing
        if self.outdated and not self.race:
            return self._counts_in_words()
        if not self.race and differing:
            again = "Both commands were run again; each repeated its recording up to there"
            return f"{again}, and they differ in the same place."
        pairs = "pair of reruns" if number == 1 else "pairs of reruns"
        same_place = sum(place == self.place for place in self.reruns)
        race = f"This is a race: of {number} {pairs}, {differing} differed up to that step, {same_place} in this place."
        why = (
            "Something that is not recorded changes the bits: a seed from the clock, threads, a kernel, a file, an "
            "environment variable."
        )
        return f"{race}\n{self._counts_in_words()}\n{why}"

    def _counts_in_words(self) -> str:
        number = len(self.reruns)
        return "\n".join(
            f"The {which} run repeated its recording {times} times out of {number}."
            for which, times in zip(_SIDES, self.repeated, strict=True)
        )


_NOTHING_FOUND = (
    "No operation and no draw of the main process was different in the steps around it. What differs came from "
    "elsewhere: the workers of a loader, a file, another thread, or code that ran before torch was imported."
)


def _finding_in_words(finding: Finding, base: Path | None, race: bool) -> Iterator[str]:
    first, second = finding.first, finding.second
    if isinstance(first or second, Draw):
        yield from _draws_in_words(finding, base)
    elif first is None or second is None:
        act, who = (first, "first") if first is not None else (second, "second")
        assert isinstance(act, Op)
        yield f"Only the {who} run carries out {_op(act)}:"
        yield from _stack(act.stack, base)
    else:
        assert isinstance(first, Op)
        assert isinstance(second, Op)
        if finding.passed is not None:
            yield from (*_finding_in_words(finding.passed, base, race), "")
        generator = words.generator(first.drew or second.drew or "its generator")
        yield _REASONS[_reason(finding, first, second)].format(
            op=_op(first),
            other=_op(second),
            generator=generator,
            equal=f"equal inputs and with {generator} in the same state" if first.drew else "equal inputs",
            why=_CHANCE if race else _SETUP,
        )
        yield from _lines(first, base)
        if first.stack != second.stack:
            yield "and in the second run:"
            yield from _lines(second, base)


# Why an operation makes other values of equal inputs: by chance, or because each run always computes it in its way.
_CHANCE = "this operation does not repeat itself"
_SETUP = "each run repeats its own, so their threads, instructions or settings decide"
_REASONS = {
    "made": "The first value that differs was made by {op}, of {equal}; {why}:",
    "drawn": "The first value that differs was drawn by {op}, with {generator} in another state:",
    "arguments": "The first value that differs was made by {op}; in the second run it is {other}:",
    "entered": "The first value that differs came into torch from outside, and was first used by {op}:",
    "elsewhere": "The first run carries out {op} where the second does so in another place:",
    "used": "The first operation of both that was given other values after that is {op}:",
    "order": "The first run carries out {op} where the second carries out {other}:",
}


def _reason(finding: Finding, first: Op, second: Op) -> str:
    if finding.passed is not None:
        return "used"
    # A line that only lies elsewhere, because others were added above it, is the same.
    lines = [_source(op.stack.site) for op in (first, second) if op.stack.site is not None]
    return "elsewhere" if finding.kind == "entered" and len(set(lines)) == 2 and all(lines) else finding.kind


def _draws_in_words(finding: Finding, base: Path | None) -> Iterator[str]:
    first, second = finding.first, finding.second
    if isinstance(first, Draw) and isinstance(second, Draw):
        if finding.kind == "set":
            yield f"The second run set {words.generator(first.name)} to another state than the first:"
        else:
            source = words.generator(first.name)
            yield f"The first run {_took(first)} from {source} where the second {_took(second)}:"
        yield from _stack(first.stack, base)
        if first.stack != second.stack:
            yield "and in the second run:"
            yield from _stack(second.stack, base)
        return
    act, who, other = (first, "first", "second") if first is not None else (second, "second", "first")
    assert isinstance(act, Draw)
    source = words.generator(act.name)
    yield f"The {who} run {_took(act)} {'' if act.how == 'set' else 'from '}{source}, which the {other} did not:"
    yield from _stack(act.stack, base)
    if finding.more:
        counts = [draw.count for draw in finding.more if draw.count is not None]
        lines = list(
            dict.fromkeys(f"{_path(site.file, base)}:{site.line}" for draw in finding.more for site in draw.stack[:1])
        )
        yield f"and further {words.count(sum(counts), 'draw')} after that, at {words.listed(lines)}"


def _wrapped(line: str) -> str:
    """Return a line of prose in lines of 80 columns; places and code, which are indented, stay as they are."""
    indented = line.startswith(" ") or not line
    return line if indented else fill(line, 80, break_long_words=False, break_on_hyphens=False)


def _took(draw: Draw) -> str:
    if draw.how == "set":
        return "seeded or restored"
    if draw.count is None:
        return "drew"
    return f"took {words.count(draw.count, 'draw')}"


def _op(op: Op) -> str:
    where = f" in {op.module}" if op.module else ""
    when = f", backward pass ({op.node})" if op.node else ""
    arguments = op.arguments if len(op.arguments) <= 60 else f"{op.arguments[:57]}..."
    return f"{op.name}({arguments}){where}{when}"


def _lines(op: Op, base: Path | None) -> Iterator[str]:
    if op.forward:
        yield from _stack(op.forward, base)
        yield "  undone by"
    yield from _stack(op.stack, base)


def _stack(stack: Stack, base: Path | None) -> Iterator[str]:
    if not stack:
        yield "  (no code of yours was being executed)"
    for site in stack:
        yield f"  {_path(site.file, base)}:{site.line} in {site.function}{_source(site)}"


def _path(file: str, base: Path | None) -> str:
    path = Path(file)
    return str(path.relative_to(base)) if base is not None and path.is_relative_to(base) else file


def _source(site: Site) -> str:
    line = linecache.getline(site.file, site.line).strip()
    return f"\n    {line}" if line else ""


def _place_json(place: Place) -> dict[str, Any]:
    series = place.series
    return {
        "step": place.step,
        "phase": place.phase.name.lower(),
        "nth": place.nth,
        "kind": series.kind,
        "name": series.name,
    }


def _finding_json(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    first, second = (None if act is None else _act_json(act) for act in (finding.first, finding.second))
    more = [_act_json(draw) for draw in finding.more]
    told = {"kind": finding.kind, "before": finding.before, "first": first, "second": second, "more": more}
    return {**told, "passed": _finding_json(finding.passed)}


def _act_json(act: Observed) -> dict[str, Any]:
    found: dict[str, Any] = {"what": act.kind, "name": act.name, "stack": [site._asdict() for site in act.stack]}
    if isinstance(act, Draw):
        return {**found, "how": act.how, "count": act.count}
    forward = [site._asdict() for site in act.forward]
    return {
        **found,
        "arguments": act.arguments,
        "module": act.module,
        "node": act.node,
        "forward": forward,
        "drew": act.drew,
    }
