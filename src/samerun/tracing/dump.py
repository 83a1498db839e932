"""Keeping the tensors of chosen operations in files, for a comparison of their values."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.utils._python_dispatch import _disable_current_modes

from samerun.errors import StateError
from samerun.state import tensor_bytes

__all__ = ["VARIABLE", "Dump", "Wish", "load_tensors"]

#: The environment variable by which a process is told what to keep.
VARIABLE = "SAMERUN_DUMP"


@dataclass(frozen=True, slots=True)
class Wish:
    """An operation to keep the tensors of.

    It is told by what it did and not by its place, so that another process finds it.

    Attributes:
        name: such as ``aten.addmm.default``.
        inputs: 8 bytes for every tensor it read.
        digest: 16 bytes that stand for what it wrote.
    """

    name: str
    inputs: tuple[bytes, ...]
    digest: bytes


class Dump:
    """Writes the tensors of the operations that are wished for, once each, into a folder.

    A tensor that is not dense is left out.
    """

    def __init__(self, folder: Path, wishes: Sequence[Wish]) -> None:
        self._folder = folder
        self._wishes = {(wish.name, wish.inputs): wish for wish in wishes}

    @classmethod
    def from_environment(cls) -> Dump | None:
        """Return what the environment asks for, if anything."""
        if not (text := os.environ.get(VARIABLE)):
            return None
        told = json.loads(text)
        wishes = [
            Wish(name, tuple(map(bytes.fromhex, inputs)), bytes.fromhex(digest))
            for name, inputs, digest in told["wishes"]
        ]
        return cls(Path(told["folder"]), wishes)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that :meth:`from_environment` reads."""
        wishes = [
            [wish.name, [part.hex() for part in wish.inputs], wish.digest.hex()] for wish in self._wishes.values()
        ]
        return {VARIABLE: json.dumps({"folder": str(self._folder), "wishes": wishes})}

    def path(self, wish: Wish) -> Path:
        """Return the file that the tensors of an operation are written to."""
        return self._folder / f"{wish.digest.hex()}.safetensors"

    def wish(self, name: str, inputs: tuple[bytes, ...]) -> Wish | None:
        """Return the wish that an operation may be about to fulfil."""
        return self._wishes.get((name, inputs))

    def keep(self, wish: Wish, tensors: Mapping[str, torch.Tensor]) -> None:
        """Write tensors: their bytes, and dtype and shape beside them."""
        if self.path(wish).exists():
            return
        data, layouts = {}, {}
        with torch.no_grad(), _disable_current_modes():
            for name, tensor in tensors.items():
                try:
                    data[name] = torch.from_numpy(tensor_bytes(tensor))
                except StateError:
                    continue
                layouts[name] = json.dumps([str(tensor.dtype).removeprefix("torch."), list(tensor.shape)])
            save_file(data, self.path(wish), layouts)


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors that :meth:`Dump.keep` wrote, by name: ``input 0``, ``output 0``, ...

    Raises:
        OSError, ValueError, KeyError: if there is no such file, or it was not written by this.
    """
    found = {}
    with safe_open(path, "pt") as file:
        layouts = file.metadata() or {}
        for name in file.keys():  # noqa: SIM118  # it is no dict
            dtype, shape = json.loads(layouts[name])
            found[name] = file.get_tensor(name).view(getattr(torch, dtype)).reshape(shape)
    return found
