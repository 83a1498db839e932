"""The file format of traces, version 1: one SQLite database; names and schema.

The tables are described for readers in ``docs/reference/trace-format.md``.
"""

from __future__ import annotations

from enum import IntEnum

import xxhash

__all__ = [
    "APPLICATION_ID",
    "DIGEST_BYTES",
    "KINDS",
    "PART_BYTES",
    "STANDING",
    "TABLES",
    "VERSION",
    "Phase",
    "is_untrained",
    "series_key",
]

#: Stands in the database's header, so that ``file`` and samerun know a trace: the bytes ``SmRn``.
APPLICATION_ID = 0x536D526E
#: Stands in the database's header as ``user_version``.
VERSION = 1

#: Bytes of an event's digest.
DIGEST_BYTES = 16
#: Bytes of the digest of each part of an event.
PART_BYTES = 8


class Phase(IntEnum):
    """Where in a step an event happens."""

    BEFORE_BATCH = 0
    BATCH = 1
    GRADIENTS = 2
    STEPPED = 3


#: What a series can be about, in the order in which causes are looked for.
KINDS = tuple("rng batch output op draw loss gradients scaler rates optimizer parameters buffers".split())

#: Kinds that describe what stands until it changes: their event may be absent while the digest is that of the last one.
STANDING = frozenset({"rng", "scaler", "rates", "optimizer", "parameters", "buffers"})

TABLES = {
    "meta": "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "series": (
        "CREATE TABLE series(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE(kind, name)) STRICT"
    ),
    "events": (
        "CREATE TABLE events(seq INTEGER PRIMARY KEY, step INTEGER NOT NULL, phase INTEGER NOT NULL, "
        "nth INTEGER NOT NULL, series INTEGER NOT NULL, digest BLOB NOT NULL, value ANY, parts BLOB) STRICT"
    ),
    "layouts": (
        "CREATE TABLE layouts(series INTEGER NOT NULL, since_step INTEGER NOT NULL, names TEXT NOT NULL, "
        "PRIMARY KEY(series, since_step)) STRICT"
    ),
    "states": (
        "CREATE TABLE states(step INTEGER NOT NULL, series INTEGER NOT NULL, state BLOB NOT NULL, "
        "PRIMARY KEY(step, series)) STRICT"
    ),
    "notes": (
        "CREATE TABLE notes(seq INTEGER PRIMARY KEY, step INTEGER NOT NULL, kind TEXT NOT NULL, "
        "value TEXT NOT NULL) STRICT"
    ),
    "steps": (
        "CREATE TABLE steps(step INTEGER PRIMARY KEY, seq INTEGER NOT NULL, digest BLOB NOT NULL, loss REAL, "
        "time REAL NOT NULL) STRICT"
    ),
}


def series_key(kind: str, name: str) -> bytes:
    """Return what stands for a series in the digest of a step, whatever number it has in the file."""
    return xxhash.xxh3_64_digest(f"{kind}\0{name}".encode("utf-8", "surrogatepass"))


def is_untrained(kind: str, name: str) -> bool:
    """Return whether a series is about tensors that no optimizer trains; those of an optimizer have its number."""
    return kind in ("parameters", "buffers") and name != "" and not name.isdecimal()
