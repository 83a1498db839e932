"""Nothing is saved."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from samerun.verify.inside.saves import replace

if TYPE_CHECKING:
    from samerun.verify.inside.process import Process

__all__ = ["disturb"]


def disturb(process: Process, _: object) -> None:
    """Let every function that saves return without having done anything."""

    def no_save(save: Callable[..., Any]) -> Callable[..., Any]:
        return wraps(save)(lambda *_, **__: None)

    replace(process, no_save)
