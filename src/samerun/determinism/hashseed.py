"""The hash seed of the running interpreter, found out instead of believed."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["hash_seed"]

_MASK = 2**64 - 1
_PROBE = "samerun"
_ROUNDS = {"siphash13": (1, 3), "siphash24": (2, 4)}


def hash_seed() -> int | None:
    """Return the ``PYTHONHASHSEED`` this interpreter really runs with, or ``None`` if its hashes are random.

    The variable counts only when the interpreter starts. So each value that the environment names, now or at the
    start, is taken as a candidate and checked by computing the hash of a string with it.

    Sources: PEP 456; CPython ``Python/bootstrap_hash.c`` (how a seed becomes a key) and ``Python/pyhash.c`` (SipHash).
    An interpreter with another hash algorithm is answered with ``None``.
    """
    if not sys.flags.hash_randomization:
        return 0
    return next((seed for seed in _candidates() if _hash_with(seed) == hash(_PROBE)), None)


def _candidates() -> Iterator[int]:
    values = [os.environ.get("PYTHONHASHSEED", "")]
    at_start = Path("/proc/self/environ")
    with suppress(OSError):  # there is none, or it is closed to us
        for entry in at_start.read_bytes().split(b"\0"):
            name, _, value = entry.partition(b"=")
            if name == b"PYTHONHASHSEED":
                values.append(value.decode("ascii", "replace"))
    return (int(value) for value in values if value.isascii() and value.isdigit() and int(value) < 2**32)


def _hash_with(seed: int) -> int | None:
    if sys.hash_info.algorithm not in _ROUNDS or sys.hash_info.width != 64:
        return None
    value = _siphash(_secret(seed), _PROBE.encode(), *_ROUNDS[sys.hash_info.algorithm])
    signed = value - 2**64 if value >= 2**63 else value
    return -2 if signed == -1 else signed


def _secret(seed: int) -> bytes:
    if seed == 0:
        return bytes(16)
    key = bytearray()
    for _ in range(16):
        seed = (seed * 214013 + 2531011) % 2**32
        key.append(seed >> 16 & 0xFF)
    return bytes(key)


def _siphash(key: bytes, data: bytes, rounds: int, final_rounds: int) -> int:
    """SipHash-c-d of J.-P. Aumasson and D. J. Bernstein (2012)."""
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) % 256])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        for _ in range(rounds):
            _sip_round(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(final_rounds):
        _sip_round(v)
    return int(v[0] ^ v[1] ^ v[2] ^ v[3])


def _sip_round(v: list[int]) -> None:
    v[0] = v[0] + v[1] & _MASK
    v[1] = _rotate(v[1], 13) ^ v[0]
    v[0] = _rotate(v[0], 32)
    v[2] = v[2] + v[3] & _MASK
    v[3] = _rotate(v[3], 16) ^ v[2]
    v[0] = v[0] + v[3] & _MASK
    v[3] = _rotate(v[3], 21) ^ v[0]
    v[2] = v[2] + v[1] & _MASK
    v[1] = _rotate(v[1], 17) ^ v[2]
    v[2] = _rotate(v[2], 32)


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> 64 - bits) & _MASK
