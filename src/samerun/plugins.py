"""What there is of a kind: in the modules of one of samerun's packages, and in other packages by their entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

__all__ = ["members", "registered"]


def members(package: ModuleType, name: str) -> list[Any]:
    """Return what goes by a name in the modules of a package, in the order of the modules; some may have none."""
    modules = (import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__))
    return [getattr(module, name) for module in modules if hasattr(module, name)]


def registered(group: str, refusal: Callable[[str, str], Exception]) -> Iterator[tuple[str, Any]]:
    """Yield what packages register in a group of entry points, each with ``name = value`` as the package wrote it.

    Args:
        group: such as ``samerun.rng_sources``.
        refusal: makes the exception that is raised for one that cannot be loaded, from that text and a reason.
    """
    for entry_point in sorted(entry_points(group=group), key=lambda found: found.name):
        provider = f"{entry_point.name} = {entry_point.value}"
        try:
            value = entry_point.load()
        except Exception as error:
            raise refusal(provider, f"cannot be loaded: {error}") from error
        yield provider, value
