"""The reading side of a trace: at any time, also while the run writes it, and from files that may hold anything."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from samerun.errors import TraceError
from samerun.rng import Packed
from samerun.tracing.files import siblings
from samerun.tracing.format import (
    APPLICATION_ID,
    DIGEST_BYTES,
    KINDS,
    PART_BYTES,
    STANDING,
    TABLES,
    VERSION,
    Phase,
)
from samerun.tracing.packing import unpack_state

__all__ = ["Event", "Note", "Part", "Series", "Step", "Trace", "open_run"]

_MAGIC = b"SQLite format 3\0"
_EVENTS = "SELECT seq, step, phase, nth, series, digest, value, parts FROM events"
# Bytes of the longest value that is read.
_LONGEST = 256 << 20


class Series(NamedTuple):
    """What a sequence of events is about, such as ``("rng", "numpy")``."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" if self.name else self.kind


class Event(NamedTuple):
    """One recorded fact.

    Attributes:
        seq: its place in the order of execution.
        step: the optimizer step it belongs to, from 0.
        phase: where in the step.
        nth: which one of its series in this phase of the step, from 0.
        series: what it is about.
        digest: 16 bytes that stand for the exact bits.
        value: a readable figure, or ``None``.
        parts: the digests of the parts, 8 bytes each, or ``None``.
    """

    seq: int
    step: int
    phase: Phase
    nth: int
    series: Series
    digest: bytes
    value: float | int | str | None
    parts: bytes | None

    def part_digests(self) -> list[bytes]:
        """Return the digest of each part; none if the parts were not recorded."""
        data = self.parts or b""
        return [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]


class Step(NamedTuple):
    """A finished step.

    Attributes:
        step: its number.
        seq: a place in the order before all its events and after all of earlier steps.
        digest: 16 bytes that stand for all its events.
        loss: if seen; ``None`` also for NaN, which the event of the loss tells.
        time: seconds from the start of the trace to its end.
    """

    step: int
    seq: int
    digest: bytes
    loss: float | None
    time: float


class Note(NamedTuple):
    """Something that happened, such as a generator that was seeded; ``value`` is a JSON value."""

    seq: int
    step: int
    kind: str
    value: Any


class Part(NamedTuple):
    """What one part of a series is: a tensor's name, dtype and shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Trace:
    """A trace as it was when it was opened; what the run writes later is not seen.

    Nothing in the file is executed or trusted: it is opened read-only, its tables must be those of the format, and
    a value that cannot be is an error. Close it, or use ``with``.

    Attributes:
        path: the file.
        meta: JSON values by key.
        series: by number.

    Raises:
        TraceError: if it cannot be opened, is no trace, is of a later version, or is damaged; every method as well.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        _check_header(self.path)
        with self._reading():
            self._connection = _connect(self.path)
        try:
            with self._reading():
                self._check_schema()
                self.meta: dict[str, Any] = {
                    str(key): json.loads(value) for key, value in self._rows("SELECT key, value FROM meta")
                }
                rows = self._rows("SELECT id, kind, name FROM series")
                self.series = {int(number): Series(_kind(kind), str(name)) for number, kind, name in rows}
                self._numbers = {series: number for number, series in self.series.items()}
                self._end = int(self._rows("SELECT coalesce(max(seq), -1) FROM events")[0][0])
                self._tail = int(self._rows("SELECT coalesce(max(seq), -1) FROM steps")[0][0])
                self._last = int(self._rows("SELECT coalesce(max(step), -1) FROM steps")[0][0])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def finished(self) -> str | None:
        """Why the run ended; ``None`` if it goes on, or was killed."""
        reason = self.meta.get("finished")
        return None if reason is None else str(reason)

    @property
    def first_step(self) -> int:
        """The first step that has anything; 0 for an empty trace."""
        with self._reading():
            return int(self._rows("SELECT coalesce(min(step), 0) FROM events")[0][0])

    @property
    def last_step(self) -> int:
        """The last finished step; -1 if there is none."""
        return self._last

    def number(self, series: Series) -> int | None:
        """Return the number of a series in this file, or ``None`` if it has none."""
        return self._numbers.get(series)

    def steps(self) -> list[Step]:
        """Return the finished steps, in order."""
        with self._reading():
            rows = self._rows(
                "SELECT step, seq, digest, loss, time FROM steps WHERE step <= ? ORDER BY step", self._last
            )
            return [Step(*row) for row in rows if _digest(row[2])]

    def events(self, first: int = 0, last: int | None = None) -> list[Event]:
        """Return the events of steps ``first`` to ``last``, both included, in order of execution.

        Without ``last``, up to the end; that may be in the middle of a step.
        """
        with self._reading():
            start, end = self._bounds(first, last)
            rows = self._rows(f"{_EVENTS} WHERE seq BETWEEN ? AND ? ORDER BY seq", start, end)
            return [self._event(row) for row in rows]

    def keys(self, first: int, last: int, series: Iterable[Series]) -> list[tuple[int, int, int, int, bytes]]:
        """Return step, phase, nth, number of the series and digest of events, without what else there is of them."""
        numbers = [number for number in map(self.number, series) if number is not None]
        with self._reading():
            start, end = self._bounds(first, last)
            query = "SELECT step, phase, nth, series, digest FROM events WHERE seq BETWEEN ? AND ?"
            chosen = f" AND series IN ({', '.join('?' * len(numbers))}) ORDER BY seq"
            return self._rows(query + chosen, start, end, *numbers)

    def find(self, series: Series, digest: bytes) -> list[Event]:
        """Return the events of a series that have a digest, in order of execution."""
        with self._reading():
            query = f"{_EVENTS} WHERE seq <= ? AND series = ? AND digest = ? ORDER BY seq"
            return [self._event(row) for row in self._rows(query, self._end, self.number(series), digest)]

    def of(self, series: Series, first: int, last: int | None = None) -> list[Event]:
        """Return the events of one series in steps ``first`` to ``last``, both included."""
        with self._reading():
            query = f"{_EVENTS} WHERE seq BETWEEN ? AND ? AND series = ? ORDER BY seq"
            return [self._event(row) for row in self._rows(query, *self._bounds(first, last), self.number(series))]

    def distinct(self, series: Series, most: int = 2) -> set[bytes]:
        """Return the first digests of a series, up to ``most``, that differ from each other."""
        with self._reading():
            query = "SELECT DISTINCT digest FROM events WHERE seq <= ? AND series = ? LIMIT ?"
            return {digest for (digest,) in self._rows(query, self._end, self.number(series), most) if _digest(digest)}

    def standing(self, step: int, since: int = 0) -> dict[Series, Event]:
        """Return the last event before a step of each series that stands until it changes.

        Args:
            step: the step.
            since: what is older than this step is not looked for.
        """
        with self._reading():
            found = {}
            for number, series in self.series.items():
                if series.kind in STANDING:
                    query = f"{_EVENTS} WHERE seq >= ? AND seq < ? AND series = ? ORDER BY seq DESC LIMIT 1"
                    row = self._rows(query, self._place(since), self._place(step), number)
                    if row:
                        found[series] = self._event(row[0])
            return found

    def notes(self, *kinds: str) -> list[Note]:
        """Return the notes of some kinds, or all, in order of execution."""
        with self._reading():
            rows = self._rows("SELECT seq, step, kind, value FROM notes ORDER BY seq")
            return [
                Note(seq, step, kind, json.loads(value))
                for seq, step, kind, value in rows
                if not kinds or kind in kinds
            ]

    def states(self, series: Series) -> dict[int, Packed]:
        """Return the recorded states of an RNG source, by the step they stood at the beginning of."""
        with self._reading():
            number = self.number(series)
            rows = self._rows("SELECT step, state FROM states WHERE series = ? ORDER BY step", number)
            return {int(step): unpack_state(state) for step, state in rows}

    def layout(self, series: Series, step: int) -> list[Part]:
        """Return what the parts of a series are at a step, in order; empty if not recorded."""
        with self._reading():
            rows = self._rows(
                "SELECT names FROM layouts WHERE series = ? AND since_step <= ? ORDER BY since_step DESC LIMIT 1",
                self.number(series),
                step,
            )
            parts = json.loads(rows[0][0]) if rows else []
            return [Part(str(name), str(dtype), tuple(int(size) for size in shape)) for name, dtype, shape in parts]

    def _bounds(self, first: int, last: int | None) -> tuple[int, int]:
        """Return the first and the last place of some steps, both included."""
        return self._place(first), self._end if last is None else self._place(last + 1) - 1

    def _place(self, step: int) -> int:
        """Return the first place of a step; that of an unfinished one comes after all others."""
        row = self._rows("SELECT seq FROM steps WHERE step >= ? ORDER BY step LIMIT 1", step)
        if not row:
            row = self._rows(
                "SELECT seq FROM events WHERE step >= ? AND seq > ? ORDER BY seq LIMIT 1", step, self._tail
            )
        return int(row[0][0]) if row else self._end + 1

    def _event(self, row: tuple[Any, ...]) -> Event:
        seq, step, phase, nth, series, digest, value, parts = row
        _digest(digest)
        if parts is not None and (not isinstance(parts, bytes) or len(parts) % PART_BYTES):
            raise ValueError(f"event {seq} has parts that are not of {PART_BYTES} bytes each")
        if series not in self.series:
            raise ValueError(f"event {seq} belongs to series {series!r}, which is not listed")
        return Event(seq, step, Phase(phase), nth, self.series[series], digest, value, parts)

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

    def _check_schema(self) -> None:
        application, version = self._rows("PRAGMA application_id")[0][0], self._rows("PRAGMA user_version")[0][0]
        if application != APPLICATION_ID:
            raise TraceError(str(self.path), "is an SQLite database, but not a trace; record one with: samerun trace")
        if version != VERSION:
            raise TraceError(str(self.path), f"has format version {version}, and this samerun reads {VERSION}")
        # Only the very tables of the format: a view or a computed column of the same name could make SQLite work for
        # whoever made the file.
        found = {name: (kind, sql) for kind, name, sql in self._rows("SELECT type, name, sql FROM sqlite_master")}
        for name, statement in TABLES.items():
            if found.get(name) != ("table", statement):
                raise TraceError(str(self.path), f"its table {name!r} is not that of a trace")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
            raise TraceError(str(self.path), f"cannot be read; it may be damaged or cut off: {error}") from error


def open_run(path: str | Path) -> dict[str, Trace]:
    """Open the traces of all processes of a run, by name: ``rank 0`` (or the only process), ``rank 1``, ...

    Raises:
        TraceError: if there is none at the path, or one cannot be read; none is left open.
    """
    path = Path(path)
    opened: dict[str, Trace] = {}
    try:
        for name, found in (siblings(path) or {"rank 0": path}).items():
            opened[name] = Trace(found)
    except BaseException:
        for trace in opened.values():
            trace.close()
        raise
    return opened


def _check_header(path: Path) -> None:
    try:
        if not path.is_file():
            raise TraceError(str(path), "is not a file" if path.exists() else "does not exist")
        with path.open("rb") as file:
            found = file.read(len(_MAGIC))
    except OSError as error:
        raise TraceError(str(path), f"cannot be opened: {error}") from error
    if found != _MAGIC:
        raise TraceError(str(path), "is not a trace: it does not begin as an SQLite database does")


def _connect(path: Path) -> sqlite3.Connection:
    """Open read-only; a process killed while it committed left a journal, which only a writing connection undoes."""
    connection = _connection(path, "ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorname != "SQLITE_READONLY_ROLLBACK":
            raise
        _roll_back(path)
        connection = _connection(path, "ro")
    return connection


def _roll_back(path: Path) -> None:
    connection = _connection(path, "rw")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    finally:
        connection.close()


def _connection(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, isolation_level=None, timeout=5
    )
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"a series of kind {kind!r}")
    return kind


def _digest(digest: object) -> bool:
    if not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
        raise ValueError(f"a digest that is not {DIGEST_BYTES} bytes")
    return True
