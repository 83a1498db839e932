"""A notebook shows outputs that are not of one run of its cells.

What it does:
    Reads the numbers beside cells and outputs, and says what they tell for certain: that two cells have the same
    number, so they are of two sessions or one is a copy; that an output has another number than its cell; that a
    cell has outputs and no number, and none is left for it between those of its neighbours. It says each once. A
    number that is missing, because a cell was executed again or deleted, is only said under ``--pedantic``, and so is
    all of it where nothing in the notebook draws, seeds or trains. Whether the text of a cell was changed since it
    was executed cannot be known.

Why it is bad:
    What is shown came out of states of variables and generators that no run of the notebook goes through, so nobody
    can get it again, its author neither.

Example:
    ::

        In[2]: torch.manual_seed(0)
        In[3]: torch.rand(1)
        In[2]: torch.rand(1)

Experiment:
    A cell that draws is executed twice before the next one, as a missing number tells, and then once::

        import torch


        def run(times):
            torch.manual_seed(0)
            for _ in range(times):
                torch.rand(1)
            return torch.rand(1).item()


        print("executed twice, its output comes again in a run of all cells:", run(2) == run(1))
        print("executed once, its output comes again in a run of all cells:", run(1) == run(1))

    It prints::

        executed twice, its output comes again in a run of all cells: False
        executed once, its output comes again in a run of all cells: True

Use instead:
    *Restart and run all*, and save what that gives. ``samerun notebook check`` does it and compares.

When to silence:
    When outputs are illustrations that were put there on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from samerun.lint.cells import Cells
from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.notebook import Cell
from samerun.lint.rule import Rule

__all__ = ["RULE"]


def _check(file: File) -> Iterable[Finding]:
    notebook = file.notebook
    if notebook is None or all(cell.execution_count is None for cell in notebook.cells):
        return
    cells = Cells(file, notebook)
    pedantic = not cells.is_random
    numbers = [cell.execution_count for cell in notebook.cells if cell.execution_count is not None]
    certain = (_doubles(notebook.cells), _others(notebook.cells), _unnumbered(notebook.cells))
    for told in certain:
        if told is not None:
            cell, message = told
            yield Finding(RULE.code, message, notebook.head(cell), pedantic=pedantic)
    if not pedantic and numbers == sorted(set(numbers)):
        for cell, message in list(_gaps(notebook.cells, {cell.number for cell, _ in cells.counted}))[:1]:
            yield Finding(RULE.code, message, notebook.head(cell), pedantic=True)


def _doubles(cells: list[Cell]) -> tuple[Cell, str] | None:
    """Return the first cell that has the number of one above it."""
    seen: dict[int, Cell] = {}
    for cell in cells:
        number = cell.execution_count
        if number is not None and number in seen:
            return cell, (
                f"cells {seen[number].number} and {cell.number} are both In[{number}]: "
                "they were executed in two sessions, or one is a copy of the other"
            )
        if number is not None:
            seen[number] = cell
    return None


def _others(cells: list[Cell]) -> tuple[Cell, str] | None:
    """Return the first cell one of whose outputs has the number of another execution."""
    for cell in cells:
        for number in _numbers(cell):
            if cell.execution_count not in (None, number):
                return cell, f"shows Out[{number}], and is In[{cell.execution_count}]"
    return None


def _numbers(cell: Cell) -> Iterator[int]:
    for output in cell.outputs:
        if isinstance(output, dict):
            number = output.get("execution_count", output.get("prompt_number"))
            if isinstance(number, int):
                yield number


def _unnumbered(cells: list[Cell]) -> tuple[Cell, str] | None:
    """Return the first cell whose outputs are of no execution among those of the others."""
    found = []
    for place, cell in enumerate(cells):
        if cell.execution_count is None and cell.outputs and cell.source.strip() and not _fits(cells, place):
            found.append(cell)
    if not found:
        return None
    more = f", and so have {len(found) - 1} more" if len(found) > 1 else ""
    return found[0], f"has outputs and no number{more}, and there is none left for it: they are of another session"


def _fits(cells: list[Cell], place: int) -> bool:
    """Return whether the cell was perhaps executed between those around it, and its number removed by an editor."""
    last = max((cell.execution_count or 0 for cell in cells[:place]), default=0)
    next_ = min((cell.execution_count for cell in cells[place:] if cell.execution_count is not None), default=None)
    own = list(_numbers(cells[place]))
    if own or next_ is None:
        return all(last < number and (next_ is None or number < next_) for number in own)
    start = max((here for here, cell in enumerate(cells[:place]) if cell.execution_count is not None), default=-1)
    end = min(here for here, cell in enumerate(cells) if here > place and cell.execution_count is not None)
    between = sum(bool(cell.source.strip() and cell.outputs) for cell in cells[start + 1 : end])
    return next_ - last > between


def _gaps(cells: list[Cell], doing: set[int]) -> Iterator[tuple[Cell, str]]:
    """Yield the cells before which more was executed than can be seen."""
    last, unnumbered = 0, 0
    for cell in cells:
        if cell.execution_count is None:
            unnumbered += bool(cell.source.strip())
            continue
        missing = cell.execution_count - last - 1
        if missing > unnumbered and cell.number in doing:
            above = f"the one above it In[{last}]: in between" if last else "the first: before it"
            yield (
                cell,
                (
                    f"is In[{cell.execution_count}], and {above} something was executed "
                    "that is not there any more, or a cell more than once"
                ),
            )
        last, unnumbered = cell.execution_count, 0


RULE = Rule("SR035", "stale-outputs", "outputs of a notebook are not of one run of its cells", _check)
