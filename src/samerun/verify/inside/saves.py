"""When something is saved: the functions that write models and checkpoints, and where each call is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["SAVES", "disturb", "is_in_memory", "paths", "replace"]

#: Module, class if it is a method, and name of each function that saves.
SAVES = (
    ("torch", None, "save"),
    ("safetensors.torch", None, "save_file"),
    ("torch.distributed.checkpoint", None, "save"),
    ("lightning.fabric.plugins.io.torch_io", "TorchCheckpointIO", "save_checkpoint"),
    ("lightning_fabric.plugins.io.torch_io", "TorchCheckpointIO", "save_checkpoint"),
    ("samerun.checkpoint.store", "Store", "commit"),
)

_Replacement = Callable[[Callable[..., Any]], Callable[..., Any]]


def disturb(process: Process, _: object) -> None:
    """Tell of each save; nothing is changed."""

    def told(save: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(save)
        def saving(*args: Any, **kwargs: Any) -> Any:
            if process.is_first and not is_in_memory(args):
                process.tell("save", step=process.step, call=save.__qualname__)
            return save(*args, **kwargs)

        return saving

    replace(process, told)


def replace(process: Process, replacement: _Replacement, places: Iterable[tuple[str, str | None, str]] = SAVES) -> None:
    """Put something else in the place of each function that saves, once its module is there."""
    for place in places:
        process.when_imported(place[0], partial(_replace, replacement, *place))


def _replace(replacement: _Replacement, module: str, kind: str | None, name: str) -> None:
    import sys

    owner = sys.modules[module] if kind is None else getattr(sys.modules[module], kind)
    setattr(owner, name, replacement(getattr(owner, name)))


def paths(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str | bytes | os.PathLike[str]]:
    """Return the files that are written, of the arguments of a function that saves."""
    given = [*args[1:2], *(kwargs[name] for name in ("f", "filename", "checkpoint_id") if name in kwargs)]
    # The name of an open file is its path; that of a path is only the end of it.
    named = [value if isinstance(value, os.PathLike) else getattr(value, "name", value) for value in given]
    return [value for value in named if isinstance(value, str | bytes | os.PathLike)]


def is_in_memory(args: tuple[Any, ...]) -> bool:
    """Return whether something is written into a buffer, as by what copies objects by saving and loading them."""
    import io

    return any(isinstance(argument, io.BytesIO) for argument in args[1:2])
