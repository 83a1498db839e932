"""What is known about a divergence, in the form in which causes ask for it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from samerun.determinism import Change, compare_environments
from samerun.divergence.batches import BatchDifference, compare_batches
from samerun.divergence.compare import Comparison
from samerun.divergence.pairs import Pair
from samerun.divergence.walk import draws_to
from samerun.rng import Packed
from samerun.rng.compare import DRAWS_BOUND
from samerun.rng.compare import compare as compare_states
from samerun.state import fingerprint
from samerun.tracing.format import Phase, is_untrained
from samerun.tracing.reader import Event, Note, Series, Trace
from samerun.tracing.sites import Site, Stack

__all__ = ["COMPUTED", "Evidence", "library_of", "matters", "operation_of", "operation_site", "place_of", "same_line"]

#: Kinds that are computed from a batch, the parameters and what was drawn.
COMPUTED = frozenset({"output", "op", "loss", "gradients"})

# What of a program is its code, beside its modules.
_CODE = frozenset({"command", "script"})
# Entries of environments that say nothing about results.
_HARMLESS = ("git.", "threads.cpus", "packages.samerun", "variables.TORCHELASTIC_")


class Evidence:
    """Two traces, where they first differ, and what was noted in them.

    Attributes:
        comparison: where they differ.
        labels: what the traces are called in sentences.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.traces = (comparison.pairing.first, comparison.pairing.second)
        self.labels = _labels(*(trace.path for trace in self.traces))

    @property
    def pair(self) -> Pair | None:
        """The earliest pair that differs."""
        return self.comparison.divergence

    @cached_property
    def resumed(self) -> int | None:
        """Which trace is of a run that goes on in the middle of the other: 0 or 1."""
        offset = self.comparison.alignment.offset
        return None if offset == 0 else int(offset > 0)

    @property
    def at_resumption(self) -> bool:
        """Whether the divergence lies in the first step of the resumed run."""
        return self.resumed is not None and self.pair is not None and self.pair.step == self.comparison.pairing.steps[0]

    @property
    def at_initial_weights(self) -> bool:
        """Whether the divergence lies in weights as they were before the first step that was taken with them."""
        pair = self.pair
        if pair is None or pair.series.kind != "parameters" or pair.phase == Phase.STEPPED:
            return False
        begins = self.resumed is None and pair.step == self.comparison.pairing.steps[0]
        return begins or not is_untrained(*pair.series)

    def agrees(self, *kinds: str) -> bool:
        """Return whether each of some kinds was recorded, and agreed in all events before the divergence."""
        return set(kinds) <= {series.kind for series in self.comparison.agreed()}

    def agrees_now(self, kind: str) -> bool:
        """Return whether a kind had an event in the step of the divergence before it, which agreed."""
        return any(pair.series.kind == kind for pair in self.comparison.before)

    def step_of(self, side: int) -> int:
        """Return the step of the divergence in the numbers of one trace."""
        step = self.comparison.divergence.step if self.comparison.divergence else min(self.comparison.ends)
        return step - (self.comparison.pairing.offset if side else 0)

    # --- what was noted

    @cached_property
    def _notes(self) -> tuple[list[Note], list[Note]]:
        return self.traces[0].notes(), self.traces[1].notes()

    def notes(self, side: int, kind: str) -> list[Note]:
        """Return the notes of a kind up to the step of the divergence."""
        last = self.step_of(side)
        return [note for note in self._notes[side] if note.kind == kind and note.step <= last and _is_object(note)]

    def is_restored(self, source: str) -> bool:
        """Return whether the resumed run, if there is one, set a generator to a state that it had."""
        return self.resumed is not None and any(
            note.value.get("on") == source for note in self.notes(self.resumed, "load")
        )

    def extra_notes(self, kind: str, *fields: str) -> tuple[list[Note], list[Note]]:
        """Return the notes that one trace has and the other has not, by some of their fields."""
        ours, theirs = self.notes(0, kind), self.notes(1, kind)
        return _without(ours, theirs, fields), _without(theirs, ours, fields)

    def seeds(self, side: int, source: str) -> list[Note]:
        """Return the notes that seed an RNG source."""
        return [note for note in self.notes(side, "seed") if note.value.get("library") == library_of(source)]

    def values_of(self, pair: Pair) -> tuple[Any, Any]:
        """Return the figures of a pair."""
        return pair.first.value if pair.first else None, pair.second.value if pair.second else None

    # --- the surroundings

    @cached_property
    def environment(self) -> tuple[Change, ...]:
        """What differs between the environments and may change results."""
        found = [trace.meta.get("environment") or {} for trace in self.traces]
        return tuple(filter(matters, compare_environments(*found)))

    @cached_property
    def program(self) -> tuple[Change, ...]:
        """What differs between the programs, that is the command, the script, the commit, changes to tracked files."""
        return compare_environments(*(_program(trace) for trace in self.traces))

    @property
    def same_program(self) -> bool:
        """Whether the same command ran the same code, as far as that was recorded."""
        return not any(change.name in _CODE or change.name.startswith("module ") for change in self.program)

    @cached_property
    def setup(self) -> tuple[Change, ...]:
        """What differs between the loaders, optimizers and models as they were noted."""
        found = []
        for kind in ("loader", "optimizer", "model"):
            ours, theirs = ([_without_place(note.value) for note in self.notes(side, kind)] for side in (0, 1))
            for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
                name = f"{kind} {one.get('loader', one.get('optimizer', number))}"
                changes = compare_environments(_keyed(one), _keyed(other))
                found += [
                    Change(f"{name}: {change.name}", change.first, change.second)
                    for change in changes
                    # The rates of a resumed run are those of the moment.
                    if self.resumed is None or not change.name.startswith("groups.")
                ]
        return tuple(found)

    def changed(self, *beginnings: str) -> list[Change]:
        """Return what differs between the environments under some names."""
        return [change for change in self.environment if change.name.startswith(beginnings)]

    @cached_property
    def hashing_varies(self) -> bool:
        """Whether strings have other hashes in the two runs."""
        ours, theirs = (
            (trace.meta.get("environment") or {}).get("python", {}).get("hash_seed") for trace in self.traces
        )
        return "random" in (ours, theirs) or ours != theirs

    # --- the batch

    @cached_property
    def batches(self) -> BatchDifference | None:
        """How the batches differ, if that is the divergence and their samples were recorded."""
        pair = self.pair
        return compare_batches(self.comparison) if pair is not None and pair.series.kind == "batch" else None

    @property
    def drawn_for_batch(self) -> list[Pair]:
        """The generators that agreed before the divergent batch was fetched and differ after it."""
        pair = self.pair
        if pair is None or pair.series.kind != "batch":
            return []
        later = (other for other in self.comparison.later.values() if other.series.kind == "rng")
        return [other for other in later if (other.step, other.phase) == (pair.step, Phase.BATCH)]

    def loader_place(self, side: int) -> Site | None:
        """Return where the loader of the divergent batch, or the newest one, was made, or else iterated."""
        name = self.pair.series.name if self.pair else ""
        notes = [note for note in self.notes(side, "loader") if note.value.get("loader") == name]
        notes = notes or self.notes(side, "loader")
        note = notes[-1] if notes else None
        return place_of(note, "made") or place_of(note)

    # --- the generators

    @cached_property
    def moved(self) -> list[Pair]:
        """The generators that may be why: the divergent one, or those that differ by the end of the divergent step.

        Where data come without a loader, generators are read at the end of steps only.
        """
        pair = self.pair
        if pair is None or pair.series.kind == "rng":
            return [] if pair is None else [pair]
        if pair.series.kind not in (*COMPUTED, "draw") and not self.at_initial_weights:
            return []
        found = [other for other in self.comparison.later.values() if other.series.kind == "rng"]
        found = [other for other in found if other.step == pair.step]
        # Dropout draws from torch's; what was seen to be drawn first comes before all.
        return sorted(
            found, key=lambda other: (other.series.name != pair.series.name, other.series.name[:5] != "torch")
        )

    def initial_draws(self, series: Series) -> int | None:
        """Return how many draws the second run was ahead of the first when it began; ``None`` if unknown."""
        states = [trace.states(series).get(trace.first_step) for trace in self.traces]
        if states[0] is None or states[1] is None or self.resumed is not None:
            return None
        return 0 if _equal(states[0], states[1]) else _difference(states[0], states[1])

    def draws(self, pair: Pair) -> int | None:
        """Return how many draws the second run is ahead of the first in a pair of generators; ``None`` if unknown.

        Both are walked from the last recorded state that they had in common; in a resumed run, which may restore its
        state later than it begins, from that of the uninterrupted one. Where that leads nowhere, the states recorded
        next are compared.
        """
        states = self.traces[0].states(pair.series), self.traces[1].states(pair.series)
        offset = self.comparison.pairing.offset
        shared = [step for step in states[0] if step - offset in states[1]]
        common = [step for step in shared if step <= pair.step and _equal(states[0][step], states[1][step - offset])]
        whole = self.resumed == 0
        steps = (
            [step for step in states[whole] if step + offset * whole <= pair.step] if self.resumed is not None else []
        )
        starts = [states[0][step] for step in common[-1:]] or [states[whole][step] for step in steps[-1:]]
        for start in starts:
            walked = [self._walk(event, start) for event in (pair.first, pair.second)]
            if walked[0] is not None and walked[1] is not None:
                return walked[1] - walked[0]
        for step in sorted(shared):
            if step > pair.step or (step == pair.step and pair.phase == Phase.BEFORE_BATCH and step not in common):
                return _difference(states[0][step], states[1][step - offset])
        return None

    def _walk(self, event: Event | None, start: Packed) -> int | None:
        if event is None or not isinstance(event.value, int):
            return None
        return draws_to(event.series.name, start, event.digest, event.value)

    def extra_draw(self, source: str) -> tuple[int, Site | None] | None:
        """Return which run has a line that drew from a generator and the other has not (level 3), and the line."""
        sites = tuple(self._draw_sites(side, source) for side in (0, 1))
        counts = tuple(Counter(map(_in_any_folder, found)) for found in sites)
        for side in (1, 0):
            extra = counts[side] - counts[1 - side]
            if (found := next((site for site in sites[side] if _in_any_folder(site) in extra), None)) is not None:
                return side, found
            if extra:
                return side, None
        return None

    def _draw_sites(self, side: int, source: str) -> list[Site | None]:
        step = self.step_of(side)
        events = self.traces[side].of(Series("draw", source), max(step - 1, 0), step)
        return [_draw_site(event) for event in events]


def matters(change: Change) -> bool:
    """Return whether an entry that differs between environments may change results."""
    return not change.name.startswith(_HARMLESS)


def place_of(note: Note | None, key: str = "place") -> Site | None:
    """Return the line that a note names, or ``None``."""
    place = note.value.get(key) if note is not None else None
    if not isinstance(place, dict) or not isinstance(place.get("line"), int):
        return None
    return Site(str(place.get("file")), place["line"], str(place.get("function")))


def same_line(one: Site | None, other: Site | None) -> bool:
    """Return whether two sites are the same line of a script that may lie in another folder in each run."""
    return _in_any_folder(one) == _in_any_folder(other)


def _in_any_folder(site: Site | None) -> tuple[str, int, str] | None:
    return None if site is None else (Path(site.file).name, site.line, site.function)


def library_of(source: str) -> str:
    """Return what notes of seeding call the library of an RNG source."""
    return "torch" if source.startswith("torch") else source


def operation_of(event: Event | None) -> dict[str, Any] | None:
    """Return what was recorded of an operation (level 3), as JSON values, or ``None``."""
    try:
        told = json.loads(str(event.value)) if event is not None else None
    except ValueError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("outputs"), int) else None


def operation_site(event: Event | None) -> Site | None:
    """Return the line that an operation belongs to; in the backward pass, the line of the forward pass."""
    told = operation_of(event) or {}
    try:
        return Stack.of(told.get("forward") or told.get("stack") or ()).site
    except (TypeError, ValueError):
        return None


def _labels(first: Path, second: Path) -> tuple[str, str]:
    if first.name != second.name:
        return first.name, second.name
    return str(Path(first.parent.name, first.name)), str(Path(second.parent.name, second.name))


def _is_object(note: Note) -> bool:
    return isinstance(note.value, dict)


def _without(notes: Iterable[Note], others: Iterable[Note], fields: tuple[str, ...]) -> list[Note]:
    known = Counter(_selected(note, fields) for note in others)
    extra = []
    for note in notes:
        key = _selected(note, fields)
        if known[key]:
            known[key] -= 1
        else:
            extra.append(note)
    return extra


def _selected(note: Note, fields: tuple[str, ...]) -> str:
    return json.dumps([note.value.get(field) for field in fields], sort_keys=True)


def _without_place(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry for name, entry in value.items() if name not in ("place", "made")}


def _keyed(value: Any) -> Any:
    """Return lists as objects, by the names that their entries begin with or by position: what differs is named."""
    if isinstance(value, dict):
        return {str(name): _keyed(entry) for name, entry in value.items()}
    if isinstance(value, list) and value and all(isinstance(entry, list) and len(entry) > 1 for entry in value):
        return {str(entry[0]): " ".join(map(str, entry[1:])) for entry in value}
    if isinstance(value, list):
        return {str(place): _keyed(entry) for place, entry in enumerate(value)}
    return value


def _program(trace: Trace) -> dict[str, object]:
    meta = trace.meta
    command, source, git = (meta.get(key) or {} for key in ("command", "source", "git"))
    return {
        "command": " ".join(map(str, command.get("script_argv", command.get("argv", ())))),
        "script": source.get("digest"),
        **{f"module {name}": told.get("digest") for name, told in (meta.get("modules") or {}).items()},
        "commit": git.get("commit"),
        "changes to tracked files": git.get("digest"),
        "world size": meta.get("world_size"),
    }


def _draw_site(event: Event) -> Site | None:
    try:
        return Stack.of(json.loads(str(event.value))["stack"]).site
    except (ValueError, KeyError, TypeError):
        return None


def _equal(first: Packed, second: Packed) -> bool:
    return first.kind == second.kind and fingerprint(dict(first.fields)) == fingerprint(dict(second.fields))


def _difference(first: Packed, second: Packed) -> int | None:
    return compare_states({"": first}, {"": second}, DRAWS_BOUND)[""].draws
