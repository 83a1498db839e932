"""The cells of a notebook were executed in another order than they stand in.

What it does:
    Reads the numbers beside the cells, In[3] and so on, and names the first cell that was executed after the next one
    below it. Cells that only import, or have nothing but magics, do not count, and neither do notebooks with a number
    that is there twice, which are of several sessions (SR035). Where nothing in the notebook draws, seeds or trains it
    is only said under ``--pedantic``.

Why it is bad:
    What is shown was made in an order that nobody sees. From top to bottom each cell finds other variables and
    other states of the generators, and gives other numbers.

Example:
    ::

        In[1]: torch.manual_seed(0)
        In[4]: noise = torch.rand(1)
        In[3]: weights = torch.rand(1)

Experiment:
    The same cells, from top to bottom and in the order of their numbers::

        import torch

        cells = ["torch.manual_seed(0)", "noise = torch.rand(1)", "weights = torch.rand(1)"]


        def run(order):
            names = {"torch": torch}
            for place in order:
                exec(cells[place], names)
            return names["weights"]


        top_down = run([0, 1, 2])
        print("in the order of the numbers, the same weights:", torch.equal(run([0, 2, 1]), top_down))
        print("from top to bottom again, the same weights:", torch.equal(run([0, 1, 2]), top_down))

    It prints::

        in the order of the numbers, the same weights: False
        from top to bottom again, the same weights: True

Use instead:
    *Restart and run all*, and save what that gives. ``samerun notebook check`` does it and compares.

When to silence:
    When the notebook is a record of something that was tried, and nobody is to run it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from samerun.lint.cells import Cells
from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.rule import Rule

__all__ = ["RULE"]


def _check(file: File) -> Iterable[Finding]:
    if file.notebook is None:
        return
    cells = Cells(file, file.notebook)
    numbers = [cell.execution_count for cell in file.notebook.cells if cell.execution_count is not None]
    if len(set(numbers)) < len(numbers):
        return
    for (cell, number), (below, earlier) in pairwise(cells.counted):
        if earlier < number:
            yield Finding(
                RULE.code,
                f"cell {cell.number} is In[{number}], and cell {below.number} below it In[{earlier}]: "
                "they were not executed from top to bottom",
                file.notebook.head(cell),
                pedantic=not cells.is_random,
            )
            return


RULE = Rule("SR032", "out-of-order-cells", "cells of a notebook were not executed from top to bottom", _check)
