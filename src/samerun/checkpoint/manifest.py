"""The manifest of a checkpoint: one JSON object, readable as it is, that ends with a checksum of itself.

The checksum is the xxh3-128 of all bytes before the last comma, so the file stays JSON and a flipped bit is found.
"""

from __future__ import annotations

import json
import math
from typing import Any

import xxhash

from samerun.checkpoint.blocks import short
from samerun.checkpoint.format import Json

__all__ = ["FORMAT", "MAX_BYTES", "VERSION", "dump", "parse"]

FORMAT = "samerun checkpoint"
VERSION = 1

#: What a manifest may take; anything larger belongs into tensors.
MAX_BYTES = 64 * 2**20

_CHECKSUM = b',\n "xxh3_128": "'
_END = b'"\n}\n'


def dump(document: dict[str, Json]) -> bytes:
    """Return the text of a manifest, in UTF-8.

    Raises:
        ValueError: if it is larger than :data:`MAX_BYTES`.
    """
    head = {"format": FORMAT, "version": VERSION, **document}
    text = ("{\n " + ",\n ".join(f"{_one_line(key)}: {_pretty(value, 1)}" for key, value in head.items())).encode()
    if len(text) > MAX_BYTES:
        raise ValueError(f"{len(text)} bytes of JSON, expected at most {MAX_BYTES}; save long lists as tensors")
    return text + _CHECKSUM + xxhash.xxh3_128_hexdigest(text).encode() + _END


def parse(data: bytes) -> dict[str, Any]:
    """Return what :func:`dump` was given.

    Raises:
        ValueError: for anything else, saying what was found.
    """
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once, parse_float=_finite, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("JSON that is nested too deep") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"no {FORMAT}")
    if type(found.get("version")) is not int or found["version"] != VERSION:
        found = short(found.get("version"))
        raise ValueError(f"format version {found}, expected {VERSION}; use the samerun that wrote it")
    text, _, checksum = data.rpartition(_CHECKSUM)
    if checksum != xxhash.xxh3_128_hexdigest(text).encode() + _END:
        raise ValueError("a checksum that does not fit: the manifest was changed after it was written")
    return {key: value for key, value in found.items() if key not in ("format", "version", "xxh3_128")}


def _one_line(node: Json) -> str:
    return json.dumps(node, ensure_ascii=False, allow_nan=False)


def _pretty(node: Json, depth: int) -> str:
    """Return JSON with one item a line, except where one line of 100 characters holds them all, or all are plain."""
    text = _one_line(node)
    items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if len(text) <= 100 or not any(isinstance(item, dict | list) for item in items):
        return text
    if isinstance(node, dict):
        lines = [f"{_one_line(key)}: {_pretty(value, depth + 1)}" for key, value in node.items()]
    else:
        lines = [_pretty(item, depth + 1) for item in items]
    start, end = "{}" if isinstance(node, dict) else "[]"
    indent = " " * depth
    return f"{start}\n{indent} " + f",\n{indent} ".join(lines) + f"\n{indent}{end}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object with the same key twice")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"the number {text[:40]}, which no float can hold")
    return value


def _refuse_constant(text: str) -> float:
    raise ValueError(f"the constant {text}, which is not JSON")
