"""A table of ``pyproject.toml``, each key of which must be one that is known and have a value of its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from samerun.errors import SamerunError

__all__ = ["FILE", "Kinds", "Refusal", "settings", "strings"]

FILE = "pyproject.toml"

#: What the value of each key must be, in words, and what makes it of what TOML has, or raises a TypeError, a ValueError
#: or an exception of samerun's.
Kinds: TypeAlias = Mapping[str, tuple[str, Callable[[object], object]]]
#: Makes the exception that is raised, from a place and a reason.
Refusal: TypeAlias = Callable[[str, str], Exception]


def settings(path: Path, name: str, kinds: Kinds, refusal: Refusal) -> dict[str, Any]:
    """Return the settings in a table, by their keys with ``_`` in place of ``-``; none if there is no such table.

    Args:
        path: the file.
        name: of the table, such as ``tool.samerun.lint``.
        kinds: the keys there may be.
        refusal: for a file that cannot be read, a table that is none, a key that is unknown and a value that is wrong.
    """
    import tomllib  # most files that an editor has checked have no settings that are read again

    try:
        table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise refusal(str(path), f"is no TOML that can be read: {error}") from error
    for part in name.split("."):
        table = table.get(part, {}) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        raise refusal(f"{path}: {name}", f"is no table; write [{name}] and below it a key a line")
    return {key.replace("-", "_"): _value(f"{path}: {name}.{key}", key, table[key], kinds, refusal) for key in table}


def strings(value: object) -> tuple[str, ...]:
    """Return a list of texts as a tuple.

    Raises:
        TypeError: for anything else.
    """
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise TypeError
    return tuple(value)


def _value(place: str, key: str, value: object, kinds: Kinds, refusal: Refusal) -> object:
    if key not in kinds:
        raise refusal(place, f"is no key; there are: {', '.join(kinds)}")
    expected, convert = kinds[key]
    try:
        return convert(value)
    except SamerunError as error:  # which says what is wrong
        raise refusal(place, str(error)) from error
    except (TypeError, ValueError) as error:
        raise refusal(place, f"found {value!r}, expected {expected}") from error
