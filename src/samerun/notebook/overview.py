"""What ``%rng`` and ``%rng journal`` show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from samerun.notebook.draws import Draw, Span
from samerun.notebook.entry import Entry
from samerun.notebook.journal import Journal
from samerun.notebook.progress import slow
from samerun.notebook.recorder import ISOLATE, Recorder
from samerun.notebook.seeds import distance
from samerun.notebook.states import State, changed
from samerun.notebook.view import Bar, Cell, Table, Text, share
from samerun.rng.source import Packed
from samerun.state import fingerprint

__all__ = ["journal_table", "sources_table"]


def sources_table(recorder: Recorder) -> Table:
    """Return every source with the beginning of its fingerprint, its draws since seeding and who drew last."""
    state = recorder.read()
    rows = []
    for name, packed in slow(state.items(), "counting draws", len(state)):
        far = str(distance(recorder.journal, name, packed))
        rows.append([Text(name), Text(_digest(packed), "code"), Text(far), Text(_last(recorder.journal, name))])
    headings = ("source", "state", "draws", "last cell that drew or set it")
    return Table("Generators of this notebook", headings, rows, _remarks(recorder))


def journal_table(journal: Journal, newest: int | None) -> Table:
    """Return the newest entries of the journal, all of them for ``None``, with a bar for each source."""
    entries = list(journal)
    shown = entries if newest is None else entries[len(entries) - min(newest, len(entries)) :]
    lines = list(slow(_lines(journal, shown), "counting draws", len(shown)))
    drawn = {draw.source for line in lines for draw in line.draws}
    sources = list(dict.fromkeys(name for entry in shown for name in entry.outside.after if name in drawn))
    largest = max((draw.count or 0 for line in lines for draw in line.draws), default=0)
    rows = [line.cells(sources, largest) for line in lines]
    notes = [f"{len(entries) - len(shown)} earlier cells: %rng journal --all"] if len(shown) < len(entries) else []
    if journal.path is not None:
        notes.append(f"kept in {journal.path}")
    headings = ("#", "cell", "code", "sequence", *sources, "state before → after")
    return Table("What cells drew", headings, rows, notes)


class _Line:
    """A line of the journal's table: one stretch of draws."""

    def __init__(self, names: Sequence[str], span: Span, title: Text, sequence: Text) -> None:
        self._names = [Text(name) for name in names]
        self._span = span
        self._title = title
        self._sequence = sequence
        self.draws = span.draws

    def cells(self, sources: Sequence[str], largest: int) -> list[Cell]:
        found = {draw.source: draw for draw in self.draws}
        bars = [self._bar(found.get(name), place, largest) for place, name in enumerate(sources)]
        before, after = _digest(self._span.before), _digest(self._span.after)
        states = Text(before if before == after else f"{before} → {after}", "code")
        return [*self._names, self._title, self._sequence, *bars, states]

    def _bar(self, draw: Draw | None, place: int, largest: int) -> Cell:
        if draw is None:
            return Text("")
        if draw.how != "drew" or draw.count is None:
            return Text(draw.how, "quiet")
        return Bar(f"{draw.count:,}", share(draw.count, largest), place, hollow=self._span.label == ISOLATE)


def _lines(journal: Journal, entries: Sequence[Entry]) -> Iterator[_Line]:
    for entry in entries:
        between = journal.between(entry)
        if between is not None:
            yield _Line(("", ""), between, Text("between cells", "quiet"), Text(""))
        names, title = (f"{entry.number}", entry.name if entry.count else ""), Text(_shortened(entry.title), "code")
        if entry.note:
            title = Text(entry.note, "quiet")
        spans = [span for span in entry.blocks if span.label != ISOLATE or span.draws]
        if not spans or entry.outside.draws:
            spans.append(entry.outside)
        for place, span in enumerate(spans):
            first = place == 0
            yield _Line(names if first else ("", ""), span, title if first else Text(""), _sequence(span))


def _sequence(span: Span) -> Text:
    if span.label == ISOLATE:
        return Text("put back", "quiet")
    return Text(span.label, "chip") if span.label else Text("")


def _last(journal: Journal, name: str) -> str:
    """Return the newest cell that moved a source."""
    for entry in reversed(journal):
        if entry.kernel != journal.kernel:
            break
        if name in changed(entry.outside.before, entry.outside.after):
            return f"{entry.name}  {_shortened(entry.title)}"
        between = journal.between(entry)
        if between is not None and name in changed(between.before, between.after):
            return f"between cells, before {entry.name}"
    return "none"


def _remarks(recorder: Recorder) -> Iterator[str]:
    for name, position in recorder.streams.positions.items():
        began = "from the generators, when its guard began" if position.seed is None else f"from seed {position.seed}"
        last = next((entry.name for entry in reversed(recorder.journal) if _used(entry, name)), "none")
        yield f"stream {name!r}: began {began}; now {_digest(position.state)}; last cell: {last}"
    if recorder.guard is not None:
        does = "fail" if recorder.guard.strict else "get a sequence of their own"
        yield f"guard: cells that draw and are not marked '# samerun: {recorder.guard.name}' {does}"
    if recorder.watches.expressions:
        yield f"watched: {', '.join(recorder.watches.expressions)}"


def _used(entry: Entry, stream: str) -> bool:
    return any(span.label == stream for span in entry.blocks)


def _digest(state: Packed | State) -> str:
    """Return the first six digits of the fingerprint of a source, or of several."""
    packed = {"": state} if isinstance(state, Packed) else state
    return fingerprint({name: {found.kind: dict(found.fields)} for name, found in packed.items()})[:6]


def _shortened(text: str, length: int = 48) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
