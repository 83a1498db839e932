"""Why two traced runs differ: both are run again, recorded in full around the first difference, and compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from samerun.determinism import compare_environments
from samerun.divergence.compare import compare_runs
from samerun.divergence.evidence import Evidence, matters, place_of
from samerun.divergence.explanation import Explanation, Place
from samerun.divergence.rerun import Command
from samerun.divergence.sequences import Finding, Observed, first_finding, from_resumption, observed
from samerun.divergence.sources import changed_since
from samerun.divergence.values import ValueDifference, compare_values
from samerun.divergence.words import change, listed
from samerun.tracing.dump import Dump, Wish, load_tensors
from samerun.tracing.ops import Op
from samerun.tracing.reader import Trace
from samerun.tracing.settings import Settings
from samerun.tracing.sites import Site

__all__ = ["TIMES", "explain"]

#: Pairs of reruns, if the first one does not settle it.
TIMES = 5

_DEEP = ("output", "op", "draw")


def explain(
    first: Path,
    second: Path,
    *,
    times: int = TIMES,
    commands: Sequence[Sequence[str]] = (),
    ignore: Collection[str] = (),
    progress: Callable[[str], object] = lambda _: None,
) -> Explanation:
    """Run the commands of two traces again and find what they did differently where the traces first differ.

    The step before the first difference and its own are recorded at level 3, and the runs are killed after it. Where
    a pair of reruns does not behave as the recordings did, it is a race, and further pairs tell how often; unless its
    code was changed since it was recorded, which is said instead.

    Args:
        first: a trace.
        second: a trace.
        times: the most pairs of reruns.
        commands: what to run instead of the recorded commands: one for both, or one for each.
        ignore: what may differ, as for :func:`~samerun.divergence.compare.compare_runs`.
        progress: is told what is being done.

    What is run again does all that it did the first time: it writes its files anew, in the recorded folder.

    Raises:
        TraceError: if a trace cannot be read, or its command cannot be run again.
        ProcessError: if a rerun ends before that step.
    """
    comparison = compare_runs(first, second, ignore=ignore)
    try:
        worst = comparison.worst
        if worst.divergence is None:
            return Explanation(None)
        traces = worst.pairing.first, worst.pairing.second
        place, offset = Place.of(worst.divergence), worst.pairing.offset
        environment = Evidence(worst).environment
        changed = tuple(changed_since(traces[0])), tuple(changed_since(traces[1]))
        chosen = _commands(traces, commands)
    finally:
        comparison.close()
    with TemporaryDirectory(prefix="samerun-explain-") as folder:
        around = _Around(place, offset, Path(folder), (first, second), chosen, changed, (*ignore, *_DEEP), progress)
        return replace(around.explained(times), environment=environment)


def _commands(traces: tuple[Trace, Trace], given: Sequence[Sequence[str]]) -> tuple[Command, Command]:
    if not given:
        return Command.recorded(traces[0]), Command.recorded(traces[1])
    return Command.given(given[0], traces[0]), Command.given(given[-1], traces[1])


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two reruns: where they first differ, whether each repeats its recording, and their files."""

    place: Place | None
    repeats: tuple[bool, bool]
    paths: tuple[Path, Path]


@dataclass(frozen=True)
class _Around:
    """The surroundings of a first difference, looked at again."""

    place: Place
    offset: int
    folder: Path
    recorded: tuple[Path, Path]
    commands: tuple[Command, Command]
    changed: tuple[tuple[Path, ...], tuple[Path, ...]]
    ignore: tuple[str, ...]
    progress: Callable[[str], object]

    def explained(self, times: int) -> Explanation:
        for recorded, files in zip(self.recorded, self.changed, strict=True):
            for file in files:
                self.progress(f"{file} was changed or removed since {recorded} was recorded")
        pairs = [self._rerun(0, times)]
        if not self._settled(pairs[0]):
            pairs += [self._rerun(number, times) for number in range(1, times)]
        repeated = tuple(sum(pair.repeats[side] for pair in pairs) for side in (0, 1))
        reruns = tuple(pair.place for pair in pairs)
        shown = next((pair for pair in pairs if pair.place == self.place), None)
        shown = shown or next((pair for pair in pairs if pair.place is not None), None)
        finding = None if shown is None else self._finding(shown)
        values, remarks = self._values(finding) if finding else ({}, [])
        counts = repeated[0], repeated[1]
        found = Explanation(self.place, reruns, counts, finding, values, tuple(remarks), self.changed)
        return replace(found, remarks=(*remarks, *self._remarks(pairs[0]))) if found.race else found

    def _settled(self, pair: _Pair) -> bool:
        """Return whether a pair tells all: both runs repeat their recordings, or their code was changed since."""
        if all(pair.repeats):
            return pair.place == self.place
        return all(repeats or changed for repeats, changed in zip(pair.repeats, self.changed, strict=True))

    def _steps(self, side: int, place: Place) -> tuple[int, int]:
        """Return the steps to look at, in the numbers of one of the runs: the one before, and its own."""
        step = place.step - (self.offset if side else 0)
        return max(step - 1, 0), step

    def _rerun(self, number: int, times: int) -> _Pair:
        paths = (self.folder / f"{number}a.trace", self.folder / f"{number}b.trace")
        for side, path in enumerate(paths):
            self.progress(f"rerun {number + 1} of at most {times}: {self.commands[side]}")
            self._run(side, path)
        repeats = tuple(
            self._differ(recorded, path, 0, side) is None
            for side, (recorded, path) in enumerate(zip(self.recorded, paths, strict=True))
        )
        return _Pair(self._differ(*paths, self.offset, 0), (repeats[0], repeats[1]), paths)

    def _run(self, side: int, path: Path, variables: dict[str, str] | None = None) -> None:
        before, step = self._steps(side, self.place)
        self.commands[side].run(Settings.checked(path, level=3, steps=(before, step + 1)), step, variables)

    def _differ(self, first: Path, second: Path, offset: int, side: int) -> Place | None:
        """Return where two traces first differ up to the step in question, given in the numbers of one of the runs."""
        found = compare_runs(first, second, ignore=self.ignore, offset=offset)
        try:
            pair = found.worst.divergence
            last = self._steps(side, self.place)[1]
            return None if pair is None or pair.step > last else Place.of(pair)
        finally:
            found.close()

    def _finding(self, pair: _Pair) -> Finding | None:
        assert pair.place is not None
        sides = [_acts(path, *self._steps(side, pair.place)) for side, path in enumerate(pair.paths)]
        source = pair.place.series.name if pair.place.series.kind == "rng" else None
        resumed = int(self.offset > 0)
        if self.offset and self._steps(resumed, pair.place)[1] == 0:
            step = self._steps(1 - resumed, pair.place)[1]
            whole = _acts(pair.paths[1 - resumed], step, step)
            restored = _restored(pair.paths[resumed], source)
            found = from_resumption(whole, sides[resumed], source, restored)
            sides[1 - resumed], sides[resumed] = map(list, found)
        return first_finding(sides[0], sides[1], source)

    def _values(self, finding: Finding) -> tuple[dict[str, ValueDifference], list[str]]:
        """Compare the tensors of an operation, for which both commands are run once more."""
        acts = (finding.first, finding.second)
        ops = [act for act in acts if isinstance(act, Op)]
        if len(ops) < 2 or finding.kind == "order":
            return {}, []
        kept = []
        for side, op in enumerate(ops):
            self.progress(f"once more, to keep values: {self.commands[side]}")
            folder = self.folder / f"values-{side}"
            folder.mkdir()
            wish = Wish(op.name, op.inputs, op.digest)
            dump = Dump(folder, [wish])
            self._run(side, self.folder / f"values{side}.trace", dump.variables())
            if not dump.path(wish).exists():
                return {}, ["the values could not be kept: the operation made others when it was run once more"]
            kept.append(load_tensors(dump.path(wish)))
        return _differences(kept[0], kept[1]), []

    def _remarks(self, pair: _Pair) -> list[str]:
        """Return what may have made the runs unlike their recordings."""
        remarks = []
        for path, rerun in zip(self.recorded, pair.paths, strict=True):
            with Trace(path) as trace, Trace(rerun) as again:
                environments = [found.meta.get("environment") or {} for found in (trace, again)]
                changes = [change(found) for found in compare_environments(*environments) if matters(found)]
                if changes:
                    remarks.append(f"the rerun of {path} had another environment: {listed(changes)}")
                if trace.meta.get("hashseed") is None:
                    remarks.append(
                        f"{path} was recorded with random hashes of text, which no rerun repeats; set PYTHONHASHSEED"
                    )
        return remarks


def _acts(path: Path, first: int, last: int) -> list[Observed]:
    with Trace(path) as trace:
        return observed(trace.events(first, last))


def _restored(path: Path, source: str | None) -> list[Site | None]:
    """Return the lines that put a generator into a state."""
    with Trace(path) as trace:
        return [place_of(note) for note in trace.notes("load") if note.value.get("on") == source]


def _differences(first: dict[str, Any], second: dict[str, Any]) -> dict[str, ValueDifference]:
    """Return how the outputs differ; where there are none or they are equal, how the inputs do."""
    names = sorted(first.keys() & second.keys(), key=lambda name: (not name.startswith("output"), name))
    found = {name: difference for name in names if (difference := compare_values(first[name], second[name]))}
    outputs = {name: difference for name, difference in found.items() if name.startswith("output")}
    return outputs or found
