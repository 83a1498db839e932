"""Cells of an IPython shell with the extension beside the same cells without it; and the slowest of 1,000."""

from __future__ import annotations

import atexit
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from benchmarks.harness import Comparison, Target
from samerun.notebook import load_ipython_extension

_IDLE = "x = 1"
_DRAWING = "random.random(); np.random.rand(); torch.rand(1);"
_CELLS = 100
_TARGET = Target("added", 1e-3)


def rows() -> list[Comparison]:
    """Return the rows about a cell that draws nothing, cells that draw, one whose journal is on disk, and the worst."""
    return [
        _row("a cell that draws nothing", _IDLE),
        _row("a cell that draws from Python, NumPy and torch", _DRAWING),
        _row("the same, %%isolate", f"%%isolate\n{_DRAWING}", _DRAWING),
        _row("the same, %%stream", f"%%stream train\n{_DRAWING}", _DRAWING),
        _row("the same, with the journal in a file", _DRAWING, in_file=True),
        _slowest(),
    ]


def _row(what: str, cell: str, bare: str = "", *, in_file: bool = False) -> Comparison:
    ours, theirs = _shell(extension=True), _shell(extension=False)
    if in_file:
        folder = tempfile.TemporaryDirectory(prefix="samerun-")
        atexit.register(folder.cleanup)
        _run(ours, f"%rng journal --file {Path(folder.name) / 'journal'}")
    return Comparison(
        what,
        "without the extension",
        partial(_per_cell, ours, cell),
        partial(_per_cell, theirs, bare or cell),
        _TARGET,
        rounds=20,
    )


def _slowest() -> Comparison:
    ours, theirs = _shell(extension=True), _shell(extension=False)
    return Comparison(
        "the slowest of 1,000 cells that draw from all three",
        "without the extension",
        lambda: max(_run(ours, _DRAWING) for _ in range(1000)),
        lambda: max(_run(theirs, _DRAWING) for _ in range(1000)),
        rounds=5,
    )


def _per_cell(shell: InteractiveShell, cell: str) -> float:
    return sum(_run(shell, cell) for _ in range(_CELLS)) / _CELLS


def _run(shell: InteractiveShell, cell: str) -> float:
    start = perf_counter()
    shell.run_cell(cell, store_history=True).raise_error()  # type: ignore[no-untyped-call]  # IPython's own
    return perf_counter() - start


def _shell(*, extension: bool) -> InteractiveShell:
    # Without a history, which would be written to the user's own.
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))  # type: ignore[no-untyped-call]
    _run(shell, "import random, numpy as np, torch")
    if extension:
        load_ipython_extension(shell)
    return shell
