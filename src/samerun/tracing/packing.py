"""The states of generators as the bytes that stand in a trace."""

from __future__ import annotations

import json
import math

import torch

from samerun.errors import TraceError
from samerun.rng import Packed
from samerun.state import tensor_bytes

__all__ = ["pack_state", "unpack_state"]

# The first bytes of a packed state tell how long the header is.
_LENGTH = 4
# No generator's state is described in more bytes than this.
_MOST_HEADER = 1 << 16
_DTYPES = {str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)}


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
