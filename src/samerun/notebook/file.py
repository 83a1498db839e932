"""The journal's file: a line of JSON for each entry behind its checksum, tensors in base64, each state once.

Appended to after each cell, so that a kernel may die at any moment; a last line that was cut off is dropped. The states
are those of :meth:`samerun.RngState.state_dict`, by kind and field; no pickle.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xxhash
from filelock import FileLock, Timeout

from samerun.errors import NotebookError
from samerun.notebook.draws import Span
from samerun.notebook.entry import Entry
from samerun.notebook.states import State
from samerun.notebook.streams import Position
from samerun.rng.source import Packed
from samerun.state import tensor_bytes

__all__ = ["JournalFile"]

_HEADER = {"samerun": "rng journal", "version": 1}


class JournalFile:
    """A journal's file, held by this process until :meth:`close`.

    Args:
        path: of the file; its directory must exist. A lock is kept beside it, in a hidden file.

    Raises:
        NotebookError: if there is no such directory, or another kernel has the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.parent.is_dir():
            raise NotebookError(str(path), "there is no such directory")
        self._lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise NotebookError(str(path), "another kernel keeps its journal there; give another file") from None
        except OSError as error:
            raise NotebookError(str(path), f"cannot be locked: {error}") from error
        self._writer = _Writer()
        self._lines = 0

    def read(self) -> list[Entry]:
        """Return the entries in the file; a last line that was cut off counts as not written.

        Raises:
            NotebookError: if it is no journal, or is damaged elsewhere.
        """
        try:
            lines = self.path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise NotebookError(str(self.path), f"cannot be read: {error}") from error
        reader, entries = _Reader(), []
        for number, line in enumerate(lines, 1):
            try:
                found = _parse(line)
                if number == 1:
                    _expect_header(found)
                else:
                    entries.append(reader.entry(found))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if number == len(lines) and not line.endswith(b"\n"):
                    break
                reason = f"line {number} is not one of a journal: {error}; move the file away, or give another"
                raise NotebookError(str(self.path), reason) from error
        return entries

    def write(self, entries: Collection[Entry]) -> None:
        """Replace the file by one with these entries; it is there whole, or as it was."""
        self._writer = _Writer()
        lines = [_line(_HEADER), *(_line(self._writer.entry(entry)) for entry in entries)]
        temporary = self.path.with_name(f".{self.path.name}.new")
        try:
            temporary.write_bytes(b"".join(lines))
            temporary.replace(self.path)
        except OSError as error:
            raise NotebookError(str(self.path), f"cannot be written: {error}") from error
        self._lines = len(entries)

    def append(self, entry: Entry, kept: Collection[Entry]) -> None:
        """Add a line; now and then all is written anew, so that the file holds at most twice what is kept."""
        if self._lines >= 2 * len(kept):
            self.write(kept)
            return
        with self.path.open("ab") as file:
            file.write(_line(self._writer.entry(entry)))
        self._lines += 1

    def close(self) -> None:
        """Let others have the file; allowed twice."""
        self._lock.release()


class _Writer:
    """Turns entries into JSON. A state that the entry before had too is not written again."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, Packed]] = {}  # by id, with the object, so that no other takes its id
        self._next = 1

    def entry(self, entry: Entry) -> dict[str, Any]:
        before, self._known = self._known, {}
        new: dict[int, Any] = {}

        def refer(state: State) -> dict[str, int]:
            return {name: self._number(packed, before, new) for name, packed in state.items()}

        def span(span: Span) -> dict[str, Any]:
            return {"label": span.label, "before": refer(span.before), "after": refer(span.after)}

        positions = entry.positions.items()
        row = {
            "number": entry.number,
            "kernel": entry.kernel,
            "count": entry.count,
            "code": entry.code,
            "note": entry.note,
            "outside": span(entry.outside),
            "blocks": [span(block) for block in entry.blocks],
            "positions": {name: {"seed": found.seed, "state": refer(found.state)} for name, found in positions},
        }
        return {"entry": row, "states": new}

    def _number(self, packed: Packed, before: Mapping[int, tuple[int, Packed]], new: dict[int, Any]) -> int:
        if id(packed) not in self._known:
            found = before.get(id(packed))
            if found is None:
                found = self._next, packed
                self._next += 1
                new[found[0]] = _as_json(packed)
            self._known[id(packed)] = found
        return self._known[id(packed)][0]


class _Reader:
    """Turns JSON into entries; a state that several have is one object again."""

    def __init__(self) -> None:
        self._states: dict[int, Packed] = {}

    def entry(self, found: Mapping[str, Any]) -> Entry:
        self._states.update({int(number): _from_json(state) for number, state in found["states"].items()})
        row = found["entry"]
        return Entry(
            number=int(row["number"]),
            kernel=int(row["kernel"]),
            count=None if row["count"] is None else int(row["count"]),
            code=str(row["code"]),
            note=str(row["note"]),
            outside=self._span(row["outside"]),
            blocks=tuple(self._span(block) for block in row["blocks"]),
            positions={name: Position(at["seed"], self._state(at["state"])) for name, at in row["positions"].items()},
        )

    def _span(self, found: Mapping[str, Any]) -> Span:
        return Span(str(found["label"]), self._state(found["before"]), self._state(found["after"]))

    def _state(self, found: Mapping[str, int]) -> State:
        return {name: self._states[number] for name, number in found.items()}


def _as_json(packed: Packed) -> dict[str, Any]:
    fields = {
        name: [str(tensor.dtype).removeprefix("torch."), list(tensor.shape), _encoded(tensor)]
        for name, tensor in packed.fields.items()
    }
    return {"kind": packed.kind, "fields": fields}


def _encoded(tensor: torch.Tensor) -> str:
    return base64.b64encode(tensor_bytes(tensor).tobytes()).decode()


def _from_json(found: Mapping[str, Any]) -> Packed:
    fields = {}
    for name, (dtype, shape, data) in found["fields"].items():
        kind = getattr(torch, str(dtype))
        if not isinstance(kind, torch.dtype):
            raise TypeError(f"{dtype!r} is not a dtype")
        flat = torch.from_numpy(np.frombuffer(base64.b64decode(data, validate=True), np.uint8).copy())
        fields[name] = flat.view(kind).reshape(shape)
    return Packed(str(found["kind"]), fields)


def _line(value: object) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode()
    return f"{xxhash.xxh3_64_hexdigest(text)} ".encode() + text + b"\n"


def _parse(line: bytes) -> Any:
    digest, _, text = line.rstrip(b"\n").partition(b" ")
    if digest.decode("ascii", "replace") != xxhash.xxh3_64_hexdigest(text):
        raise ValueError("its checksum is wrong")
    return json.loads(text)


def _expect_header(found: object) -> None:
    if found != _HEADER:
        raise ValueError(f"found {found!r}, expected {_HEADER!r}; it may be of another version of samerun")
