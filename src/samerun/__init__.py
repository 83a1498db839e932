"""Same seed, same run, bit for bit: exactly reproducible PyTorch training, and the proof of it.

Public names are loaded at first use, so that importing a part that does not need torch does not load it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from samerun._version import __version__

if TYPE_CHECKING:
    from samerun.data import DataLoader as DataLoader
    from samerun.data import exact as exact
    from samerun.determinism import deterministic as deterministic
    from samerun.determinism import environment as environment
    from samerun.errors import SamerunError as SamerunError
    from samerun.rng import RngState as RngState
    from samerun.rng import Stream as Stream
    from samerun.rng import capture as capture
    from samerun.rng import find_generators as find_generators
    from samerun.rng import isolate as isolate
    from samerun.rng import restore as restore
    from samerun.rng import seed_everything as seed_everything
    from samerun.run import Run as Run
    from samerun.tracing import trace as trace

# What a name is loaded from; the imports above say the same to type checkers, and a test compares them.
_HOMES = {
    "DataLoader": "samerun.data",
    "RngState": "samerun.rng",
    "Run": "samerun.run",
    "SamerunError": "samerun.errors",
    "Stream": "samerun.rng",
    "capture": "samerun.rng",
    "deterministic": "samerun.determinism",
    "environment": "samerun.determinism",
    "exact": "samerun.data",
    "find_generators": "samerun.rng",
    "isolate": "samerun.rng",
    "restore": "samerun.rng",
    "seed_everything": "samerun.rng",
    "trace": "samerun.tracing",
}

# The modules that are public as such.
_MODULES = ("checkpoint", "data", "derive", "determinism", "errors", "rng", "state", "testing")

# What IPython looks for when the extension is loaded or unloaded.
_EXTENSION = ("load_ipython_extension", "unload_ipython_extension")

__all__ = [
    "DataLoader",
    "RngState",
    "Run",
    "SamerunError",
    "Stream",
    "__version__",
    "capture",
    "deterministic",
    "environment",
    "exact",
    "find_generators",
    "isolate",
    "restore",
    "seed_everything",
    "trace",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"samerun.{name}")
    if name in _EXTENSION:
        return getattr(import_module("samerun.notebook"), name)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
