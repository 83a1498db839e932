"""The writing side of a trace: rows are gathered, and committed at least every second."""

from __future__ import annotations

import atexit
import json
import math
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import xxhash

from samerun.errors import TraceError
from samerun.tracing.files import siblings
from samerun.tracing.format import APPLICATION_ID, KINDS, STANDING, TABLES, VERSION, series_key
from samerun.tracing.later import Digest, Later, now

__all__ = ["Writer", "make_way"]

# Seconds after which the end of a step commits.
_INTERVAL = 1.0
# Rows that are gathered at most; 100,000 take about 30 MB.
_MOST_ROWS = 100_000
# Seconds to wait for a reader that keeps the file locked, once rows can be gathered no longer.
_PATIENCE = 60.0

# The first SQLite with tables that check the types of their values.
_SQLITE = (3, 37)

_INSERT = {
    "events": "INSERT INTO events VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
    "notes": "INSERT INTO notes VALUES(?, ?, ?, ?)",
    "steps": "INSERT INTO steps VALUES(?, ?, ?, ?, ?)",
    "states": "INSERT OR REPLACE INTO states VALUES(?, ?, ?)",
    "layouts": "INSERT OR REPLACE INTO layouts VALUES(?, ?, ?)",
    "series": "INSERT INTO series VALUES(?, ?, ?)",
    "meta": "INSERT OR REPLACE INTO meta VALUES(?, ?)",
}

# What is written beside a digest.
Value: TypeAlias = float | int | str | None

# Writers that a fork copied: closing their connection in the child could disturb the parent's file.
_inherited: list[Writer] = []
_open: weakref.WeakSet[Writer] = weakref.WeakSet()


def make_way(path: Path, *, force: bool) -> None:
    """Refuse to begin where there are traces of a run of this name already, or delete them with ``force``.

    Raises:
        TraceError: naming the file that is in the way, or the folder that is not there.
    """
    if not path.parent.is_dir():
        raise TraceError(str(path), f"cannot be made: there is no folder {str(path.parent)!r}")
    for found in siblings(path).values():
        _remove(found, force)


class Writer:
    """Writes one trace into a new file.

    What was given is in the file a second later, or when a step of more than a second ends; killing the process loses
    no more than that and leaves a valid file. A power failure may leave a damaged one: nothing waits for the disk.
    A reader that is at work delays the commit, never the training, until 100,000 rows wait.

    After ``fork`` the child's copy writes nothing. Any thread may give events; one at a time ends steps.

    Args:
        path: the file; ``force`` replaces an older trace there, and nothing else.
        meta: JSON values by key.

    Raises:
        TraceError: if there is a file already, or none can be made there.
    """

    def __init__(self, path: str | Path, meta: Mapping[str, Any], *, force: bool = False) -> None:
        self.path = Path(path)
        _remove(self.path, force)
        self._connection = _create(self.path)
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _INSERT}
        self._events = self._rows["events"]
        self._seq = count()
        self._ids: dict[tuple[str, str], int] = {}
        self._keys: list[bytes] = []
        self._standing: list[bool] = []
        self._last: list[bytes | None] = []
        self._waiting: deque[Callable[[], None]] = deque()
        self._lock = threading.RLock()
        self._start = self._committed = time.monotonic()
        self._closed = False
        self._begin_step()
        for key, value in meta.items():
            self.meta(key, value)
        self._commit(wait=True)
        _open.add(self)
        self._at_exit = _closing_at_exit(self)

    def meta(self, key: str, value: Any) -> None:
        """Set an entry of the table ``meta`` to a JSON value."""
        if not self._closed:
            self._rows["meta"].append((key, _json(value)))

    def series(self, kind: str, name: str) -> int:
        """Return the number of a series; the first call makes it.

        Raises:
            ValueError: for a kind that is not one of :data:`~samerun.tracing.format.KINDS`.
        """
        found = self._ids.get((kind, name))
        if found is not None:
            return found
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        with self._lock:
            made = self._ids.setdefault((kind, name), len(self._keys))
            if made == len(self._keys):
                self._keys.append(series_key(kind, name))
                self._standing.append(kind in STANDING)
                self._last.append(None)
                self._rows["series"].append((made, kind, name))
        return made

    def event(
        self,
        step: int,
        phase: int,
        series: int,
        digest: Digest,
        *,
        value: Value | Later[Value] = None,
        parts: Digest | None = None,
    ) -> None:
        """Record one event: 0.5 µs when it is given, and about 4 µs of one core in all, with its row in the file.

        One whose digest is yet to come waits for it until the step ends, and whatever is recorded after it as well.

        Args:
            step: from 0.
            phase: one of :class:`~samerun.tracing.format.Phase`.
            series: what :meth:`series` gave.
            digest: 16 bytes.
            value: a readable figure; NaN is written as the text ``nan``.
            parts: the digests of the parts, 8 bytes each.
        """
        if self._waiting or not isinstance(digest, bytes):
            self._waiting.append(
                lambda: self._event(step, phase, series, now(digest), value=now(value), parts=now(parts))
            )
        else:
            self._event(step, phase, series, digest, value=now(value), parts=now(parts))

    def _event(self, step: int, phase: int, series: int, digest: bytes, *, value: Value, parts: bytes | None) -> None:
        if self._closed:
            return
        place = series * 4 + phase
        nth = self._nth.get(place, 0)
        self._nth[place] = nth + 1
        self._hashed.append(self._keys[series] + digest + bytes((phase,)))
        if self._standing[series]:
            if self._last[series] == digest:
                return
            self._last[series] = digest
        if isinstance(value, float) and math.isnan(value):  # SQLite has no NaN
            value = "nan"
        self._events.append((next(self._seq), step, phase, nth, series, digest, value, parts))

    def note(self, step: int, kind: str, value: Any) -> None:
        """Record something that happened, as a JSON value."""
        if self._waiting:
            self._waiting.append(partial(self._note, step, kind, _json(value)))
        else:
            self._note(step, kind, _json(value))

    def state(self, step: int, series: int, state: bytes) -> None:
        """Record what :func:`~samerun.tracing.packing.pack_state` gave for the beginning of a step."""
        if not self._closed:
            self._rows["states"].append((step, series, state))

    def layout(self, series: int, since_step: int, parts: Sequence[tuple[str, str, Sequence[int]]]) -> None:
        """Record what the parts of a series are from a step on: name, dtype and shape of each."""
        if not self._closed:
            self._rows["layouts"].append((series, since_step, _json(parts)))

    def end_step(self, step: int, loss: float | Later[float] | None = None) -> None:
        """End a step: its digest is written, and all rows if the last commit is a second ago."""
        if self._closed:
            return
        self._catch_up()
        time_now = time.monotonic()
        digest = xxhash.xxh3_128_digest(b"".join(self._hashed))
        loss = now(loss)
        loss = None if loss is None or math.isnan(loss) else loss
        self._rows["steps"].append((step, self._first, digest, loss, time_now - self._start))
        self._begin_step()
        if time_now - self._committed > _INTERVAL or len(self._events) > _MOST_ROWS:
            self._commit(wait=len(self._events) > _MOST_ROWS)

    def commit(self) -> None:
        """Write everything given so far now, waiting for readers if need be."""
        if not self._closed:
            self._catch_up()
            self._commit(wait=True)

    def close(self, reason: str = "end") -> None:
        """Write the rest and why the run ended; any further call does nothing."""
        if self._closed:
            return
        try:
            self._catch_up()
        except Exception as error:  # a device that failed: what it held is lost, and nothing else
            self._waiting.clear()
            reason = f"{reason}; what was on a device is missing: {type(error).__name__}: {error}"
        self.meta("finished", reason)
        self._commit(wait=True)
        self._leave()
        self._connection.close()
        atexit.unregister(self._at_exit)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.close("end" if kind is None else f"exception: {kind.__name__}")

    def _note(self, step: int, kind: str, text: str) -> None:
        if not self._closed:
            self._rows["notes"].append((next(self._seq), step, kind, text))

    def _catch_up(self) -> None:
        """Record what waits for a digest, in the order in which it was given."""
        with self._lock:
            while self._waiting:
                self._waiting[0]()
                self._waiting.popleft()

    def _begin_step(self) -> None:
        self._nth: dict[int, int] = {}
        self._hashed: list[bytes] = []
        self._first = next(self._seq)

    def _commit(self, wait: bool) -> None:
        with self._lock:
            self._committed = time.monotonic()
            taken = {table: len(rows) for table, rows in self._rows.items()}
            self._connection.execute(f"PRAGMA busy_timeout = {int(_PATIENCE * 1000) if wait else 0}")
            try:
                self._insert(taken)
            except sqlite3.OperationalError as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if not wait and "locked" in str(error):  # a reader is at work: the rows go with the next ones
                    return
                self._leave()
                raise TraceError(str(self.path), f"cannot be written any more: {error}") from error
            for table, number in taken.items():
                del self._rows[table][:number]

    def _insert(self, taken: Mapping[str, int]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for table, number in taken.items():
            if number:
                self._connection.executemany(_INSERT[table], self._rows[table][:number])
        self._connection.execute("COMMIT")

    def _leave(self) -> None:
        self._closed = True
        self._waiting.clear()
        _open.discard(self)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def _closing_at_exit(writer: Writer) -> Any:
    reference = weakref.ref(writer)

    def close() -> None:
        found = reference()
        if found is not None:
            found.close("exit")

    return atexit.register(close)


def _remove(path: Path, force: bool) -> None:
    """Delete an older trace if there is a file and that was asked for; refuse to delete anything else."""
    if not path.exists() and not path.is_symlink():
        return
    if not force:
        raise TraceError(str(path), "there is a file already; choose another name, or replace it with force (--force)")
    if not path.is_file() or not _is_trace(path):
        raise TraceError(str(path), "is not a trace, so it is not replaced; choose another name")
    path.unlink()
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)


def _is_trace(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(72)
    return header[:16] == b"SQLite format 3\0" and header[68:72] == APPLICATION_ID.to_bytes(4, "big")


def _create(path: Path) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < _SQLITE:
        needed = ".".join(map(str, _SQLITE))
        raise TraceError(
            str(path), f"cannot be made: Python has SQLite {sqlite3.sqlite_version} here, and {needed} is needed"
        )
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        # Events come from whatever thread runs a backward pass.
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise TraceError(str(path), f"cannot be made: {error}") from error
    with closing(connection.execute("PRAGMA synchronous = OFF")):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("BEGIN")
    for statement in TABLES.values():
        connection.execute(statement)
    connection.execute("COMMIT")
    return connection


def _forget_in_child() -> None:
    for writer in list(_open):
        writer._leave()
        _inherited.append(writer)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
