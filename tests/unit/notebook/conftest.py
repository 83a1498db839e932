from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from samerun.notebook import load_ipython_extension, unload_ipython_extension
from samerun.notebook.extension import _installed


class Cells:
    """A notebook in this process: IPython's shell, without a kernel around it."""

    def __init__(self) -> None:
        self.shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))

    def __call__(self, *cells: str) -> Any:
        """Run cells; return the value of the last one, or raise what it raised."""
        result = None
        for cell in cells:
            result = self.shell.run_cell(cell, store_history=True)
            result.raise_error()
        return result and result.result

    def failing(self, cell: str) -> BaseException:
        """Run a cell that fails; return why."""
        result = self.shell.run_cell(cell, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        assert error is not None, "the cell did not fail"
        return error

    @property
    def recorder(self) -> Any:
        return _installed[self.shell].recorder


@pytest.fixture
def bare() -> Iterator[Cells]:
    """A notebook without the extension."""
    main = sys.modules["__main__"]
    cells = Cells()
    cells("import random", "import numpy as np", "import torch")
    yield cells
    unload_ipython_extension(cells.shell)
    sys.modules["__main__"] = main


@pytest.fixture
def cells(bare: Cells) -> Cells:
    """A notebook with the extension, whose next cell is ``In[4]``."""
    load_ipython_extension(bare.shell)
    return bare
