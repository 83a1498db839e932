"""What the script, or the notebook, has in variables of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["instance", "variables"]

# What Python has in every module, and what IPython keeps of earlier cells, such as `_3`, `_i3` and `Out`.
_OTHERS = re.compile(r"__.*|_i*\d*|_[iod]h|In|Out")


def variables() -> Iterator[tuple[str, Any]]:
    """Yield the variables of the module that was started, by name."""
    for name, value in list(instance(sys.modules.get("__main__")).items()):
        if not _OTHERS.fullmatch(name):
            yield name, value


def instance(value: Any) -> dict[str, Any]:
    """Return the attributes that an object itself has, without running code of its class."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict else {}
