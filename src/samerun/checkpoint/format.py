"""A state as a readable JSON tree and named blocks of tensors, and back, exactly.

What JSON has is written as itself. Everything else is an object with one key that begins with ``$``:

==========  ========================================================================================================
``$tensor`` a tensor: its block, dtype and shape; also stride and offset if it shares its block with other tensors
``$array``  a NumPy array: its block, dtype with byte order, and shape
``$bytes``  bytes: their block
``$tuple``  a tuple, as a list
``$dict``   a dict with keys that are integers or cannot be keys in JSON, as a list of pairs
``$module`` the ``OrderedDict`` that ``Module.state_dict()`` returns, with the versions in its ``_metadata``
``$int``    an integer of more than 64 bits, in hexadecimal
``$float``  an infinity or a NaN, as the 8 bytes of the float, most significant first, in hexadecimal
``$str``    text that is not Unicode (a lone surrogate), as bytes in hexadecimal
==========  ========================================================================================================

Nothing here touches a disk, and nothing here is, or ever loads, a pickle.
"""

from __future__ import annotations

import math
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, TypeAlias

import numpy as np
import torch

from samerun.checkpoint.blocks import Slot, array_block, read_array, read_tensor, refuse_tensor, short, tensor_blocks
from samerun.errors import Problem, StateError

__all__ = ["MAX_DEPTH", "Json", "Packed", "pack", "unpack"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

#: How many containers may be inside each other.
MAX_DEPTH = 100

_ROOT = "root"
_HEXADECIMAL = re.compile(r"-?0x[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Packed:
    """A state, ready to be stored.

    Attributes:
        tree: what JSON can hold of it.
        blocks: its tensors by name, on any device, with any strides. They are the state's own, not copies.
    """

    tree: Json
    blocks: dict[str, torch.Tensor]


def pack(state: object) -> Packed:
    """Return a state as JSON and tensors; nothing is copied and nothing is changed.

    What is captured: every value bit by bit, the types of the containers, the order of keys, and which tensors overlap
    in memory. What is not: where a tensor lies (device, strides, ``requires_grad``), memory shared by NumPy arrays, and
    subclasses: a ``defaultdict`` comes back as a dict, a named tuple as a tuple, ``numpy.float64`` as a float.

    Raises:
        StateError: for a value that cannot be stored, with its key path, its type and what to do.

    >>> pack({"step": 3, "lr": (0.1, float("inf"))}).tree
    {'step': 3, 'lr': {'$tuple': [0.1, {'$float': '7ff0000000000000'}]}}
    """
    packer = _Packer()
    tree = packer.node(state, "", ())
    return Packed(tree, {**tensor_blocks(packer.slots), **packer.blocks})


def unpack(tree: Json, blocks: Mapping[str, torch.Tensor]) -> Any:
    """Return the state that :func:`pack` was given; its tensors are views of the blocks, on the CPU.

    Raises:
        StateError: for a tree that is none, or that does not fit the blocks.
    """
    unpacker = _Unpacker(blocks)
    state = unpacker.node(tree, "", 0)
    if unused := blocks.keys() - unpacker.used:
        raise StateError([Problem(_ROOT, f"blocks that nothing refers to: {short(sorted(unused))}", "none")])
    return state


class _Packer:
    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self.blocks: dict[str, torch.Tensor] = {}

    def node(self, value: object, path: str, above: tuple[int, ...]) -> Json:
        if len(above) > MAX_DEPTH:
            raise StateError([Problem(short(path), f"more than {MAX_DEPTH} containers inside each other", "fewer")])
        for kind in type(value).__mro__:
            if kind in _ENCODERS and not isinstance(value, Enum):
                return _ENCODERS[kind](self, value, path, above)
        raise StateError([_unknown(value, path or _ROOT)])

    def plain(self, value: bool | None, path: str, above: tuple[int, ...]) -> Json:
        return value

    def real(self, value: float, path: str, above: tuple[int, ...]) -> Json:
        return float(value) if math.isfinite(value) else {"$float": struct.pack(">d", value).hex()}

    def integer(self, value: int, path: str, above: tuple[int, ...]) -> Json:
        return int(value) if -(2**63) <= value < 2**63 else {"$int": hex(value)}

    def text(self, value: str, path: str, above: tuple[int, ...]) -> Json:
        return str(value) if _is_unicode(value) else {"$str": value.encode("utf-8", "surrogatepass").hex()}

    def raw(self, value: bytes, path: str, above: tuple[int, ...]) -> Json:
        name = path or _ROOT
        self.blocks[name] = torch.from_numpy(np.frombuffer(value, np.uint8).copy())
        return {"$bytes": {"at": name}}

    def tensor(self, value: torch.Tensor, path: str, above: tuple[int, ...]) -> Json:
        refuse_tensor(value, path or _ROOT)
        leaf: dict[str, Json] = {}
        self.slots.append(Slot(path or _ROOT, value, leaf))
        return {"$tensor": leaf}

    def array(self, value: np.ndarray, path: str, above: tuple[int, ...]) -> Json:
        leaf: dict[str, Json] = {}
        self.blocks[path or _ROOT] = array_block(value, leaf, path or _ROOT)
        return {"$array": leaf}

    def sequence(self, value: list[object] | tuple[object, ...], path: str, above: tuple[int, ...]) -> Json:
        inner = _inside(value, path, above)
        items = [self.node(item, f"{path}[{position}]", inner) for position, item in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items

    def mapping(self, value: Mapping[Any, object], path: str, above: tuple[int, ...]) -> Json:
        inner = _inside(value, path, above)
        for key in value:
            if type(key) is not str and type(key) is not int:
                raise StateError([Problem(path or _ROOT, f"the key {key!r}", "keys that are str or int")])
        items = {key: self.node(item, f"{path}[{key!r}]", inner) for key, item in value.items()}
        if all(type(key) is str and not key.startswith("$") and _is_unicode(key) for key in items):
            tree: Json = items
        else:
            tree = {"$dict": [[self.node(key, path, inner), item] for key, item in items.items()]}
        metadata = getattr(value, "_metadata", None) if isinstance(value, OrderedDict) else None
        if metadata is None:
            return tree
        return {"$module": {"metadata": self.node(metadata, f"{path}._metadata", inner), "state": tree}}


_ENCODERS: dict[type, Callable[[_Packer, Any, str, tuple[int, ...]], Json]] = {
    type(None): _Packer.plain,
    bool: _Packer.plain,
    int: _Packer.integer,
    float: _Packer.real,
    str: _Packer.text,
    bytes: _Packer.raw,
    torch.Tensor: _Packer.tensor,
    np.ndarray: _Packer.array,
    list: _Packer.sequence,
    tuple: _Packer.sequence,
    dict: _Packer.mapping,
}

# What to do, by the type of what cannot be stored; the first that fits.
_ADVICE: list[tuple[type | tuple[type, ...], str]] = [
    (
        (FunctionType, BuiltinFunctionType, MethodType, type),
        "leave code out of state_dict(): the program that resumes has it",
    ),
    (Enum, "save its value in state_dict()"),
    ((set, frozenset), "save it sorted, as a list, in state_dict()"),
    (np.generic, "call .item() in state_dict()"),
    (torch.Generator, "save its get_state()"),
    (object, "convert it in state_dict(), or leave it out if it is made anew"),
]


def _unknown(value: object, where: str) -> Problem:
    found = f"{type(value).__module__}.{type(value).__qualname__}"
    advice = next(text for kinds, text in _ADVICE if isinstance(value, kinds))
    return Problem(where, found, "JSON scalars, tensors, arrays or bytes", advice)


def _inside(value: object, path: str, above: tuple[int, ...]) -> tuple[int, ...]:
    if id(value) in above:
        raise StateError([Problem(path or _ROOT, "a container that holds itself", "a tree")])
    return (*above, id(value))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Unpacker:
    def __init__(self, blocks: Mapping[str, torch.Tensor]) -> None:
        self.blocks = blocks
        self.used: set[str] = set()

    def node(self, tree: Json, path: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise StateError([Problem(short(path), f"more than {MAX_DEPTH} containers inside each other", "fewer")])
        if isinstance(tree, list):
            return [self.node(item, f"{path}[{position}]", depth + 1) for position, item in enumerate(tree)]
        if isinstance(tree, float) and not math.isfinite(tree):
            raise _malformed(tree, path, "a finite number")
        if not isinstance(tree, dict):
            return tree
        if not any(key.startswith("$") for key in tree):
            return {key: self.node(item, f"{path}[{key!r}]", depth + 1) for key, item in tree.items()}
        (tag, content), *more = tree.items()
        if more or tag not in _DECODERS:
            raise _malformed(tree, path, f"one of {', '.join(_DECODERS)}, alone")
        return _DECODERS[tag](self, content, path, depth)

    def integer(self, content: Json, path: str, depth: int) -> int:
        if not isinstance(content, str) or not _HEXADECIMAL.fullmatch(content):
            raise _malformed(content, path, "a hexadecimal integer")
        return int(content, 16)

    def real(self, content: Json, path: str, depth: int) -> float:
        data = _from_hex(content, path)
        if len(data) != 8:
            raise _malformed(content, path, "16 hexadecimal digits")
        (value,) = struct.unpack(">d", data)
        return float(value)

    def text(self, content: Json, path: str, depth: int) -> str:
        try:
            return _from_hex(content, path).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise _malformed(content, path, "text") from error

    def sequence(self, content: Json, path: str, depth: int) -> tuple[Any, ...]:
        if not isinstance(content, list):
            raise _malformed(content, path, "a list")
        return tuple(self.node(content, path, depth))

    def mapping(self, content: Json, path: str, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for pair in content if isinstance(content, list) else [None]:
            if not isinstance(pair, list) or len(pair) != 2:
                raise _malformed(pair, path, "a list of pairs")
            encoded, item = pair
            key = self.node(encoded, path, depth + 1)
            if type(key) not in (str, int) or key in found:
                raise _malformed(key, path, "keys that are str or int, each once")
            found[key] = self.node(item, f"{path}[{key!r}]", depth + 1)
        return found

    def module(self, content: Json, path: str, depth: int) -> OrderedDict[Any, Any]:
        if not isinstance(content, dict) or content.keys() != {"metadata", "state"}:
            raise _malformed(content, path, "metadata and state")
        state = self.node(content["state"], path, depth)
        if not isinstance(state, dict):
            raise _malformed(state, path, "a dict")
        found = OrderedDict(state)
        found._metadata = self.node(content["metadata"], f"{path}._metadata", depth + 1)  # type: ignore[attr-defined]
        return found

    def raw(self, content: Json, path: str, depth: int) -> bytes:
        leaf, block = self.block(content, path)
        if leaf.keys() != {"at"} or block.dtype is not torch.uint8:
            raise _malformed(content, path, "a block of bytes")
        return block.numpy().tobytes()

    def tensor(self, content: Json, path: str, depth: int) -> torch.Tensor:
        return read_tensor(*self.block(content, path), path or _ROOT)

    def array(self, content: Json, path: str, depth: int) -> np.ndarray:
        return read_array(*self.block(content, path), path or _ROOT)

    def block(self, content: Json, path: str) -> tuple[dict[str, Json], torch.Tensor]:
        if not isinstance(content, dict) or not isinstance(name := content.get("at"), str) or name not in self.blocks:
            raise _malformed(content, path, "a block that is stored")
        self.used.add(name)
        return content, self.blocks[name]


_DECODERS: dict[str, Callable[[_Unpacker, Json, str, int], Any]] = {
    "$tensor": _Unpacker.tensor,
    "$array": _Unpacker.array,
    "$bytes": _Unpacker.raw,
    "$tuple": _Unpacker.sequence,
    "$dict": _Unpacker.mapping,
    "$module": _Unpacker.module,
    "$int": _Unpacker.integer,
    "$float": _Unpacker.real,
    "$str": _Unpacker.text,
}


def _from_hex(content: Json, path: str) -> bytes:
    try:
        return bytes.fromhex(content if isinstance(content, str) else "not")
    except ValueError as error:
        raise _malformed(content, path, "hexadecimal digits") from error


def _malformed(found: object, path: str, expected: str) -> StateError:
    return StateError([Problem(short(path) if path else _ROOT, short(found), expected)])
