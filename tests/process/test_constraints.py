from __future__ import annotations

from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def needed(name: str, extras: frozenset[str], found: set[tuple[str, frozenset[str]]]) -> None:
    """Collect what a distribution with these extras needs here, and what that needs."""
    if (name, extras) in found:
        return
    found.add((name, extras))
    for line in requires(name) or ():
        requirement = Requirement(line)
        if not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            needed(canonicalize_name(requirement.name), frozenset(requirement.extras), found)


def test_everything_that_is_needed_is_pinned():
    lines = CONSTRAINTS.read_text().splitlines()
    pins = {canonicalize_name(line.split("==")[0]) for line in lines if not line.startswith("#")}
    found: set[tuple[str, frozenset[str]]] = set()
    needed("samerun", frozenset({"dev"}), found)
    assert len(found) > 50
    assert {name for name, _ in found} - {"samerun"} == pins
