"""How the tensors of one rank get to the disk and back: the seam where another back-end plugs in.

A back-end for sharded models, such as one on ``torch.distributed.checkpoint``, is another :class:`Payload`; the
manifest, the commit, retention and the background writer stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import xxhash
from safetensors import SafetensorError, safe_open

from samerun.checkpoint.files import Buffer, Files, open_regular
from samerun.errors import CheckpointError
from samerun.state import tensor_bytes

__all__ = ["Payload", "Safetensors"]


class Payload(Protocol):
    """Stores the named blocks of one rank as files of a folder."""

    kind: str
    """What the manifest calls it."""

    def stage(self, blocks: Mapping[str, torch.Tensor]) -> None:
        """Copy the blocks out of the training's memory, and return when the training may change them."""

    def write(self, files: Files, folder: Path, stem: str) -> dict[str, Any]:
        """Write what was staged into files whose names begin with ``stem``, and wait until they are on the disk.

        Called in another thread than ``stage``, and never while that runs.

        Returns:
            ``{name: {"size": bytes, "xxh3_128": hexadecimal digits}}`` of every file.
        """

    def read(self, folder: Path, record: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Return the blocks from the files of a record, after comparing their sizes and checksums.

        Raises:
            CheckpointError: naming the file and what is wrong with it.
        """


# The dtypes that every version of safetensors has; the others are stored as bytes, and the tree says what they are.
_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint64: "U64",
    torch.uint32: "U32",
    torch.uint16: "U16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
}

# Bytes that are hashed and then written while the cache still has them. Larger writes make ext4 look for larger pages,
# and took five times as long wherever there were none.
_CHUNK = 2**20
_ALIGNMENT = 64  # bytes; where the data begins in the file, and so in memory when the file is mapped


class Safetensors:
    """One safetensors file a rank; the buffer it is staged in is used again by the next save.

    The file is written here and read with the library: the library's writer knows neither a checksum nor the
    operations of :class:`~samerun.checkpoint.Files`, and takes as long.
    """

    kind = "safetensors"

    def __init__(self) -> None:
        self._buffer = torch.empty(0, dtype=torch.uint8)
        self._pinned = False
        self._header = b""
        self._size = 0

    def stage(self, blocks: Mapping[str, torch.Tensor]) -> None:
        ordered = dict(sorted(blocks.items(), key=lambda pair: -_power_of_two(pair[1].nbytes)))
        self._size = sum(block.nbytes for block in blocks.values())
        self._header = _header(ordered)
        self._reserve(self._size, pinned=any(block.is_cuda for block in blocks.values()))
        start = 0
        for block in ordered.values():
            _copy(block.detach(), self._buffer[start : start + block.nbytes])
            start += block.nbytes

    def _reserve(self, size: int, *, pinned: bool) -> None:
        if self._buffer.numel() < size or self._pinned < pinned:
            self._buffer = torch.empty(0, dtype=torch.uint8)  # lets go of the old one before there is a new one
            self._buffer = torch.empty(size, dtype=torch.uint8, pin_memory=pinned)
            self._pinned = pinned

    def write(self, files: Files, folder: Path, stem: str) -> dict[str, Any]:
        name = f"{stem}.safetensors"
        digest = xxhash.xxh3_128()
        files.write_file(folder / name, _hashed(self._chunks(), digest))
        return {name: {"size": len(self._header) + self._size, "xxh3_128": digest.hexdigest()}}

    def _chunks(self) -> Iterator[Buffer]:
        yield self._header
        data = self._buffer.numpy().data
        for start in range(0, self._size, _CHUNK):
            yield data[start : min(start + _CHUNK, self._size)]

    def read(self, folder: Path, record: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        if len(record) != 1:
            raise CheckpointError(str(folder), f"{len(record)} files of one rank, expected 1")
        ((name, expected),) = record.items()
        path = folder / name
        header = _read_header(path, expected["size"])
        try:
            with safe_open(path, "pt") as file:
                blocks = {name: file.get_tensor(name) for name in file.offset_keys()}
        except (SafetensorError, KeyError) as error:
            raise CheckpointError(str(path), f"no valid safetensors file ({error})") from error
        # The format has no gaps, so the header and the tensors in their order are the file. They are hashed in the
        # mapping they are used from, which reads every page once.
        digest = xxhash.xxh3_128(header)
        for block in blocks.values():
            digest.update(tensor_bytes(block).data)
        if digest.hexdigest() != expected["xxh3_128"]:
            raise CheckpointError(
                str(path), f"xxh3-128 {digest.hexdigest()}, expected {expected['xxh3_128']}: it was changed"
            )
        return blocks


def _copy(block: torch.Tensor, room: torch.Tensor) -> None:
    # NumPy copies in this thread. torch takes all threads and waits for each of them, for every tensor, which on a
    # machine that is busy (with a loader's workers, say) took ten times as long.
    if block.is_cpu:
        np.copyto(room.numpy(), tensor_bytes(block))
    else:
        room.view(block.dtype).view(block.shape).copy_(block)


def _power_of_two(size: int) -> int:
    """Return the largest one that divides a size: in falling order, each block lies where its dtype may lie."""
    return size & -size or _ALIGNMENT


def _hashed(chunks: Iterator[Buffer], digest: xxhash.xxh3_128) -> Iterator[Buffer]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _header(blocks: Mapping[str, torch.Tensor]) -> bytes:
    entries, start = {}, 0
    for name, block in blocks.items():
        known = block.dtype in _NAMES
        entries[name] = {
            "dtype": _NAMES.get(block.dtype, "U8"),
            "shape": list(block.shape) if known else [block.nbytes],
            "data_offsets": [start, start + block.nbytes],
        }
        start += block.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def _read_header(path: Path, size: int) -> bytes:
    """Return the header with its length, after comparing the size of the file."""
    file, found = open_regular(path)
    with file:
        if found != size:
            raise CheckpointError(str(path), f"{found} bytes, expected {size}: it was cut short or changed")
        length = file.read(8)
        return length + file.read(min(int.from_bytes(length, "little"), size))
