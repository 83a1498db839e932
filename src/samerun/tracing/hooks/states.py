"""States that are loaded and saved: of models, optimizers, schedulers, scalers and generators, and files of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.amp import GradScaler
from torch.nn import Module
from torch.optim import Optimizer, lr_scheduler
from torch.utils.data import DataLoader

from samerun.rng import snapshot
from samerun.tracing.callsite import call_site

if TYPE_CHECKING:
    from samerun.rng import RngState
    from samerun.tracing.hooks.patches import Patches
    from samerun.tracing.recorder import Recorder

__all__ = ["install"]

# Functions that put a generator into a state.
_SETTERS: tuple[tuple[Any, str, str], ...] = (
    (random, "setstate", "python"),
    (np.random, "set_state", "numpy"),
    (torch, "set_rng_state", "torch.cpu"),
    (torch.random, "set_rng_state", "torch.cpu"),
    (torch.cuda, "set_rng_state", "torch.cuda"),
    (torch.cuda, "set_rng_state_all", "torch.cuda"),
)


def install(recorder: Recorder, patches: Patches) -> None:
    """Hook every ``load_state_dict`` of torch's, what sets generators, and torch's functions for files."""

    def loaded(thing: Any, *_: Any, **__: Any) -> None:
        call = f"{type(thing).__qualname__}.load_state_dict"
        recorder.note("load", {"call": call, "on": _class_name(type(thing)), "place": call_site()})

    for kind in _kinds():
        patches.watch(kind, "load_state_dict", loaded)
    for owner, name, source in _SETTERS:
        patches.watch(owner, name, _set(recorder, f"{owner.__name__}.{name}", source))
    # Looked up by samerun.restore alone; what enters a stream has a name of its own for it.
    patches.watch(snapshot, "write_all", _restored(recorder))
    patches.watch(torch, "load", _read(recorder))
    patches.watch(torch, "save", _written(recorder))


def _kinds() -> Iterator[type]:
    yield from (Module, Optimizer, GradScaler)
    # Many schedulers have one of their own, some of which call that of the base class.
    yield from (kind for kind in vars(lr_scheduler).values() if isinstance(kind, type))
    yield from (kind for kind in DataLoader.__subclasses__() if "load_state_dict" in vars(kind))


def _set(recorder: Recorder, call: str, source: str) -> Any:
    return lambda *_, **__: recorder.note("load", {"call": call, "on": source, "place": call_site()})


def _restored(recorder: Recorder) -> Any:
    """Note what no function of the libraries' own is called for."""

    def before(state: RngState, sources: Mapping[str, object], **_: Any) -> None:
        for name in state:
            if name in sources and name.startswith("torch."):
                recorder.note("load", {"call": "samerun.restore", "on": name.partition(":")[0], "place": call_site()})

    return before


def _read(recorder: Recorder) -> Any:
    def before(f: Any, *_: Any, **__: Any) -> None:
        recorder.note("load", {"call": "torch.load", "on": _file(f), "place": call_site()})

    return before


def _written(recorder: Recorder) -> Any:
    def before(_: Any, f: Any, *__: Any, **___: Any) -> None:
        recorder.note("save", {"call": "torch.save", "on": _file(f), "place": call_site()})

    return before


def _file(given: Any) -> str:
    return str(given) if hasattr(given, "__fspath__") or isinstance(given, str) else type(given).__qualname__


def _class_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
