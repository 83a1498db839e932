"""The file format of traces, version 1: one SQLite database; names, schema and packed states.

The tables are described for readers in ``docs/reference/trace-format.md``.
"""

from __future__ import annotations

import json
import math
import re
from enum import IntEnum
from pathlib import Path

import torch
import xxhash

from samerun.errors import TraceError
from samerun.rng import Packed
from samerun.state import tensor_bytes

__all__ = [
    "APPLICATION_ID",
    "DIGEST_BYTES",
    "KINDS",
    "PART_BYTES",
    "STANDING",
    "TABLES",
    "VERSION",
    "Phase",
    "pack_state",
    "rank_path",
    "series_key",
    "siblings",
    "unpack_state",
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

# The first bytes of a packed state tell how long the header is.
_LENGTH = 4
# No generator's state is described in more bytes than this.
_MOST_HEADER = 1 << 16
_DTYPES = {str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)}


def series_key(kind: str, name: str) -> bytes:
    """Return what stands for a series in the digest of a step, whatever number it has in the file."""
    return xxhash.xxh3_64_digest(f"{kind}\0{name}".encode("utf-8", "surrogatepass"))


def rank_path(path: Path, rank: int) -> Path:
    """Return the file of a rank: ``A.trace`` for rank 0, ``A.rank3.trace`` for rank 3."""
    return path if rank == 0 else path.with_name(f"{path.stem}.rank{rank}{path.suffix}")


def siblings(path: Path) -> dict[str, Path]:
    """Return the files of a traced run by its processes' names: ``rank 0``, ``rank 1``, ..., ``process 2``."""
    found = {"rank 0": path} if path.exists() else {}
    pattern = re.compile(rf"{re.escape(path.stem)}\.(rank|pid)(\d+){re.escape(path.suffix)}")
    matches = (match for entry in path.parent.glob("*") if (match := pattern.fullmatch(entry.name)))
    for match in sorted(matches, key=lambda match: (match[1] != "rank", int(match[2]))):
        found[f"{'rank' if match[1] == 'rank' else 'process'} {int(match[2])}"] = path.with_name(match[0])
    return found


def pack_state(packed: Packed) -> bytes:
    """Return an RNG source's state as bytes: a length, a JSON header and the tensors' bytes one after the other."""
    fields = [[name, str(tensor.dtype), list(tensor.shape)] for name, tensor in packed.fields.items()]
    header = json.dumps({"kind": packed.kind, "fields": fields}).encode()
    parts = (tensor_bytes(tensor).tobytes() for tensor in packed.fields.values())
    return b"".join((len(header).to_bytes(_LENGTH, "little"), header, *parts))


def unpack_state(data: bytes) -> Packed:
    """Return the state that :func:`pack_state` wrote.

    Raises:
        TraceError: if the bytes are not one. Nothing in them is ever executed.
    """
    length = int.from_bytes(data[:_LENGTH], "little")
    try:
        if length > min(_MOST_HEADER, len(data) - _LENGTH):
            raise ValueError(f"a header of {length} bytes")
        header = json.loads(data[_LENGTH : _LENGTH + length])
        fields, offset = {}, _LENGTH + length
        for name, dtype, shape in header["fields"]:
            if min(shape, default=0) < 0:
                raise ValueError(f"shape {shape}")
            size = math.prod(shape) * _DTYPES[dtype].itemsize
            fields[str(name)] = _tensor(data[offset : offset + size], _DTYPES[dtype]).reshape(tuple(shape))
            offset += size
        if offset != len(data):
            raise ValueError(f"{len(data) - offset} bytes too many")
        return Packed(str(header["kind"]), fields)
    except (ValueError, KeyError, TypeError, RuntimeError, RecursionError) as error:
        raise TraceError("a generator's state", f"the {len(data)} bytes are not one: {error}") from error


def _tensor(data: bytes, dtype: torch.dtype) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
