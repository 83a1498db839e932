"""A cell that trains goes on from where a generator is that another cell seeded.

What it does:
    Finds cells of a notebook that train and draw, from a generator that was seeded in another cell and not in their
    own. Only under ``--pedantic``: a notebook that is only ever executed from top to bottom is right to seed once.

Why it is bad:
    The first time the cell begins at the seed, the second time where the first time stopped. Whoever executes it
    again, with another learning rate say, compares two things that differ in more than that.

Example:
    ::

        In[1]: torch.manual_seed(0)
        In[2]: model = make(); train(model)

Experiment:
    A cell that seeds, and one that draws, executed twice::

        import torch

        seed, draw = "torch.manual_seed(0)", "weights = torch.rand(3)"
        names = {"torch": torch}
        exec(seed, names)
        exec(draw, names)
        first = names["weights"]
        exec(draw, names)
        print("the same again:", torch.equal(first, names["weights"]))
        exec(f"{seed}; {draw}", names)
        print("the same with a seed in the cell:", torch.equal(first, names["weights"]))

    It prints::

        the same again: False
        the same with a seed in the cell: True

Use instead:
    A seed at the top of the cell, which makes the model as well; or, after ``%load_ext samerun``, ``%rng rewind In[2]``
    before it is executed again.

When to silence:
    When the cell is to go on with a training, and not to begin it anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from samerun.lint.cells import Cells
from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.notebook import Cell
from samerun.lint.rule import Rule
from samerun.lint.vocabulary import LIBRARIES

__all__ = ["RULE"]


def _check(file: File) -> Iterable[Finding]:
    if file.notebook is None:
        return
    cells = Cells(file, file.notebook)
    seeded: dict[str, Cell] = {}
    told: set[int] = set()
    for event in file.timeline:
        cell = cells.of(event)
        if event.kind == "unknown-seed":
            seeded = {}
        elif event.kind in ("seed", "restore"):
            seeded |= dict.fromkeys(event.libraries, cell)
        elif event.kind == "entropy":
            seeded = {library: by for library, by in seeded.items() if library not in event.libraries}
        elif cell.number in cells.training and cell.number not in told:
            for library in cells.drawn_by(event):
                if seeded.get(library, cell) is not cell:
                    told.add(cell.number)
                    message = (
                        f"cell {cell.number} trains on from where {LIBRARIES[library]} is, which cell "
                        f"{seeded[library].number} seeded: executed again it gives other numbers"
                    )
                    yield Finding(RULE.code, message, file.range(event.site), pedantic=True)
                    break


RULE = Rule(
    "SR034",
    "state-of-another-cell",
    "a cell trains on from the state of a generator that another cell seeded",
    _check,
    pedantic=True,
)
