"""Reading a checkpoint that may be damaged or made by somebody else: it loads whole, or the error says what is wrong.

Nothing is executed, no symbolic link is followed below the directory of the run, and no name comes from a manifest
without having the one form it can have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from samerun.checkpoint import manifest
from samerun.checkpoint.blocks import short
from samerun.checkpoint.files import is_directory, open_regular
from samerun.checkpoint.format import Json, unpack
from samerun.checkpoint.payload import Payload
from samerun.errors import CheckpointError, StateError

__all__ = [
    "MANIFEST",
    "Checkpoint",
    "Info",
    "Part",
    "PassedOver",
    "explained",
    "is_number",
    "read_info",
    "read_manifest",
    "read_part",
    "read_state",
]

MANIFEST = "manifest.json"
_CHECKSUM = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Part:
    """What one rank stored.

    Attributes:
        payload: the kind of its :class:`~samerun.checkpoint.Payload`.
        files: name, size in bytes and xxh3-128 of every file.
        tree: its state, less the tensors.
    """

    payload: str
    files: Mapping[str, Mapping[str, Any]]
    tree: Json


@dataclass(frozen=True, slots=True)
class Info:
    """What the manifest of a checkpoint says.

    Attributes:
        folder: where it is.
        step: which step it is of.
        made_by: the samerun that wrote it.
        created: when, in UTC.
        meta: what the caller had to say: epoch, metrics, environment and the like.
        parts: what each rank stored.
    """

    folder: Path
    step: int
    made_by: str
    created: datetime
    meta: dict[str, Any]
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes of all files of tensors."""
        return sum(file["size"] for part in self.parts for file in part.files.values())

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers in ``meta["metrics"]``; empty if there are none."""
        found = self.meta.get("metrics")
        numbers = found.items() if isinstance(found, dict) else ()
        return {name: float(value) for name, value in numbers if is_number(value)}


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A checkpoint that could not be used, and why."""

    step: int
    reason: str

    def __str__(self) -> str:
        return f"step {self.step}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose every byte was verified.

    Attributes:
        info: what its manifest says.
        state: what was saved. Its tensors are on the CPU, in memory mapped from the file: changing them changes no
            file, and the file may be deleted, but must not be overwritten, while they are used.
        passed_over: newer ones that could not be used.
    """

    info: Info
    state: Any
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def step(self) -> int:
        """Which step it is of."""
        return self.info.step

    @property
    def meta(self) -> dict[str, Any]:
        """What the caller had to say."""
        return self.info.meta


def is_number(value: object) -> bool:
    """Return whether something is a number that a float can hold."""
    return isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 1024)


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn what goes wrong with a file or with its content into a :class:`~samerun.errors.CheckpointError`."""
    try:
        yield
    except StateError as error:
        raise CheckpointError(str(where), "; ".join(map(str, error.problems))) from error
    except OSError as error:
        raise CheckpointError(str(where), error.strerror or str(error)) from error


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the content of a manifest, whose checksum fits.

    Raises:
        CheckpointError: for a link, anything too large, and anything that is no manifest of this format version.
    """
    with explained(path):
        file, size = open_regular(path)
        with file:
            if size > manifest.MAX_BYTES + 2**10:
                raise CheckpointError(str(path), f"{size} bytes, expected at most {manifest.MAX_BYTES}")
            data = file.read(size)
    try:
        return manifest.parse(data)
    except ValueError as error:
        raise CheckpointError(str(path), f"found {error}") from error


def read_info(folder: Path, step: int) -> Info:
    """Return what the manifest in a folder says; the tensors are not read.

    Raises:
        CheckpointError: if there is no such folder, or if its manifest is damaged or of another step.
    """
    if not is_directory(folder):
        raise CheckpointError(str(folder), "found a symbolic link or no directory, expected a checkpoint")
    path = folder / MANIFEST
    found = read_manifest(path)
    expected = {"step": int, "made_by": str, "created": str, "meta": dict, "ranks": list}
    if found.keys() != expected.keys() or any(type(found[key]) is not kind for key, kind in expected.items()):
        raise CheckpointError(str(path), f"found the keys {short(sorted(found))}, expected {', '.join(expected)}")
    if found["step"] != step:
        raise CheckpointError(str(path), f"found step {short(found['step'])}, expected {step}, as the folder is called")
    parts = tuple(read_part(part, rank, path) for rank, part in enumerate(found["ranks"]))
    with explained(path):
        meta = unpack(found["meta"], {})
    try:
        created = datetime.fromisoformat(found["created"])
    except ValueError as error:
        raise CheckpointError(str(path), f"found the time {short(found['created'])}, expected ISO 8601") from error
    if not found["made_by"].isprintable() or len(found["made_by"]) > 100:
        raise CheckpointError(str(path), f"found {short(found['made_by'])} as maker, expected a printable name")
    if not parts or not isinstance(meta, dict):
        raise CheckpointError(str(path), "found no ranks, or no dict as meta")
    return Info(folder, step, found["made_by"], created, meta, parts)


def read_part(found: object, rank: int, where: Path) -> Part:
    """Check the form of what one rank stored.

    Raises:
        CheckpointError: for another form, such as a file name with a path in it.
    """
    if not isinstance(found, dict) or found.keys() != {"payload", "files", "state"}:
        raise CheckpointError(str(where), f"rank {rank}: found {short(found)}, expected payload, files and state")
    if not isinstance(found["payload"], str) or not isinstance(found["files"], dict):
        raise CheckpointError(str(where), f"rank {rank}: expected a text as payload and an object as files")
    name_of_rank = re.compile(rf"rank-{rank:05d}(\.[a-z0-9]+)+")
    for name, file in found["files"].items():
        if not name_of_rank.fullmatch(name):
            raise CheckpointError(str(where), f"found the file name {short(name)}, expected rank-{rank:05d}.*")
        if not isinstance(file, dict) or file.keys() != {"size", "xxh3_128"}:
            raise CheckpointError(str(where), f"{name}: found {short(file)}, expected size and xxh3_128")
        size, checksum = file["size"], file["xxh3_128"]
        if type(size) is not int or size < 0 or not isinstance(checksum, str) or not _CHECKSUM.fullmatch(checksum):
            raise CheckpointError(str(where), f"{name}: found {short(file)}, expected bytes and 32 hexadecimal digits")
    return Part(found["payload"], found["files"], found["state"])


def read_state(info: Info, rank: int, payload: Payload) -> Any:
    """Return the state of one rank, after verifying its files.

    Raises:
        CheckpointError: if a file is missing, was changed or does not fit the manifest.
    """
    part = info.parts[rank]
    if part.payload != payload.kind:
        found = f"tensors stored by {short(part.payload)}, expected {payload.kind!r}"
        raise CheckpointError(str(info.folder / MANIFEST), found)
    with explained(info.folder):
        return unpack(part.tree, payload.read(info.folder, part.files))
