"""Switches of torch that make one machine give the same bits twice: applied, reported, undone."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import reduce
from types import TracebackType
from typing import Any

import torch

from samerun.errors import DeterminismError

__all__ = ["Deterministic", "Setting", "deterministic"]

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_CUBLAS_DETERMINISTIC = (":4096:8", ":16:8")


@dataclass(frozen=True, slots=True)
class Setting:
    """One switch: its value before and now, and why.

    Attributes:
        name: as torch or the environment calls it.
        before: its value before; it comes back with ``undo``.
        after: its value now.
        why: what it does to the bits or to the speed.
    """

    name: str
    before: object
    after: object
    why: str
    _write: Callable[[Any], None] = field(repr=False)


class Deterministic:
    """Settings that are applied, all or none: print them, or undo them by ``undo`` or by leaving ``with``."""

    def __init__(self, settings: tuple[Setting, ...]) -> None:
        self.settings = settings
        self._undone = False
        with ExitStack() as undo:
            for setting in settings:
                setting._write(setting.after)
                undo.callback(setting._write, setting.before)
            self._undo = undo.pop_all()  # nothing failed: keep them for later

    def undo(self) -> None:
        """Put every setting back to what it was before; a second call does nothing. Undo the last applied first."""
        self._undone = True
        self._undo.close()

    def __enter__(self) -> Deterministic:
        if self._undone:
            raise RuntimeError("these settings were undone; call deterministic() again")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()

    def __str__(self) -> str:
        width = max(len(setting.name) for setting in self.settings)
        return "\n".join(
            f"{setting.name:<{width}}  {setting.before!r} -> {setting.after!r}  ({setting.why})"
            for setting in self.settings
        )


def deterministic(
    *,
    warn_only: bool = False,
    fill_uninitialized_memory: bool = False,
    threads: int | None = None,
    cublas_workspace: str | None = "auto",
) -> Deterministic:
    """Make torch choose deterministic algorithms, at once; use the result in ``with`` to undo it at the end.

    Args:
        warn_only: warn instead of raising where an operation has no deterministic algorithm.
        fill_uninitialized_memory: fill ``torch.empty`` with NaN. torch switches this on together with
            deterministic algorithms; here it is off, because only code that reads memory before writing it can tell,
            and every allocation is written to once more (``benchmarks/`` has the ratio for a small model).
        threads: number of intra-op threads. Sums split over threads are added in another order, so another count
            gives other bits, whatever the other settings are. ``None`` leaves it.
        cublas_workspace: value for ``CUBLAS_WORKSPACE_CONFIG``, without which cuBLAS may not repeat itself on several
            streams: ``":4096:8"``, ``":16:8"``, or ``"auto"`` for the one that is set already and ``":4096:8"``
            otherwise; ``None`` leaves it.

    Returns:
        What was set, to print or to undo.

    What is set: ``torch.use_deterministic_algorithms``, ``torch.utils.deterministic.fill_uninitialized_memory``,
    cuDNN's ``deterministic`` and ``benchmark``, oneDNN's ``deterministic``, ``CUBLAS_WORKSPACE_CONFIG``, the thread
    count. What is not: seeds (:func:`samerun.seed_everything`), and what differs between machines: instruction sets,
    GPU models, library versions (:func:`samerun.environment` records them).

    Raises:
        DeterminismError: if CUDA is initialised already and ``CUBLAS_WORKSPACE_CONFIG`` was not set before;
            nothing has been changed.
        ValueError: for a number of threads below 1, or a workspace that cuBLAS does not call deterministic.

    >>> with deterministic(threads=1) as report:
    ...     torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    (True, 1)
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads!r}")
    if cublas_workspace not in (None, "auto", *_CUBLAS_DETERMINISTIC):
        expected = ", ".join(map(repr, ("auto", *_CUBLAS_DETERMINISTIC)))
        raise ValueError(f"cublas_workspace must be one of {expected} or None, not {cublas_workspace!r}")
    wanted = _wanted(warn_only, fill_uninitialized_memory, threads, cublas_workspace)
    return Deterministic(tuple(Setting(name, read(), value, why, write) for name, read, write, value, why in wanted))


_Row = tuple[str, Callable[[], object], Callable[[Any], None], object, str]


def _wanted(warn_only: bool, fill: bool, threads: int | None, cublas_workspace: str | None) -> list[_Row]:
    rows: list[_Row] = []
    if cublas_workspace is not None:
        _refuse_late_cublas()
        found = os.environ.get(_CUBLAS)
        kept = found if found in _CUBLAS_DETERMINISTIC else ":4096:8"
        value = kept if cublas_workspace == "auto" else cublas_workspace
        rows.append((_CUBLAS, lambda: os.environ.get(_CUBLAS), _set_cublas, value, "cuBLAS repeats itself"))
    rows += [
        (
            "torch.use_deterministic_algorithms",
            _algorithms,
            lambda state: torch.use_deterministic_algorithms(state[0], warn_only=state[1]),
            (True, warn_only),
            "(enabled, warn_only): operations take a deterministic algorithm or refuse",
        ),
        _attribute(
            "torch.utils.deterministic.fill_uninitialized_memory", fill, "only reads of unwritten memory can tell"
        ),
        _attribute("torch.backends.cudnn.deterministic", True, "cuDNN takes deterministic algorithms"),
        _attribute("torch.backends.cudnn.benchmark", False, "cuDNN does not choose algorithms by timing them"),
    ]
    if hasattr(torch.backends.mkldnn, "deterministic"):
        rows.append(_attribute("torch.backends.mkldnn.deterministic", True, "oneDNN takes deterministic algorithms"))
    if threads is not None:
        why = "another number of threads adds in another order"
        rows.append(("torch.set_num_threads", torch.get_num_threads, torch.set_num_threads, threads, why))
    return rows


def _attribute(path: str, value: object, why: str) -> _Row:
    *owners, name = path.split(".")
    owner = reduce(getattr, owners[1:], torch)
    return path, lambda: getattr(owner, name), lambda new: setattr(owner, name, new), value, why


def _algorithms() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_cublas(value: str | None) -> None:
    if value is None:
        os.environ.pop(_CUBLAS, None)
    else:
        os.environ[_CUBLAS] = value


def _refuse_late_cublas() -> None:
    found = os.environ.get(_CUBLAS)
    if torch.cuda.is_initialized() and found not in _CUBLAS_DETERMINISTIC:
        advice = (
            "CUDA is initialised and has read it already: call deterministic() before the first use of the GPU,"
            f" or start with {_CUBLAS}=:4096:8; cublas_workspace=None leaves it as it is"
        )
        raise DeterminismError(_CUBLAS, found, " or ".join(_CUBLAS_DETERMINISTIC), advice)
