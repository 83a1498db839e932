"""Whether a notebook gives the same results again, and in the order in which it was executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from samerun.errors import MissingExtraError, NotebookError
from samerun.notebook.dependence import Dependence, dependences
from samerun.notebook.draws import Draw
from samerun.notebook.entry import title

if TYPE_CHECKING:
    from samerun.notebook.running import CellRun, Notebook

__all__ = ["CellReport", "Comparison", "Report", "check"]

#: Called with the name of a run, how many cells it has, and how many are done.
Progress = Callable[[str, int, int], object]

# What each cell did, by number.
Runs: TypeAlias = "dict[int, CellRun]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One cell in two runs.

    Attributes:
        outputs: whether what it shows is the same.
        draws: whether it drew the same from the same states.
        why: what is known about the cause, where something differs.
    """

    outputs: bool
    draws: bool
    why: str = ""

    @property
    def same(self) -> bool:
        """Whether all is the same."""
        return self.outputs and self.draws


@dataclass(frozen=True, slots=True)
class CellReport:
    """What is found about one cell.

    Attributes:
        number: from 1, of the cells with code.
        count: the recorded ``In[count]``.
        title: its first line that says something.
        draws: what it drew from top to bottom, by sequence and source.
        depends: whose draws it goes on from.
        twice: two runs from top to bottom, compared.
        recorded: the recorded order and top to bottom, compared; ``None`` if there is nothing to compare.
    """

    number: int
    count: int | None
    title: str
    draws: tuple[tuple[str, Draw], ...]
    depends: tuple[Dependence, ...]
    twice: Comparison
    recorded: Comparison | None

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.twice.same and (self.recorded is None or self.recorded.same)


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        path: of the notebook.
        cells: one for each cell with code.
        order: the recorded order of execution.
        order_is: ``"run"`` if it was run, ``"same"`` if it is top to bottom, ``"none"`` if nothing is recorded,
            ``"failed"`` if a cell failed in it.
        problem: why it failed.
        remarks: what else there is to know.
    """

    path: Path
    cells: tuple[CellReport, ...]
    order: tuple[int, ...]
    order_is: Literal["run", "same", "none", "failed"]
    problem: str = ""
    remarks: tuple[str, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        """0 if all is the same, 1 if something differs, 2 if the recorded order cannot be run."""
        if not all(cell.same for cell in self.cells):
            return 1
        return 2 if self.order_is == "failed" else 0


def check(
    path: Path, *, kernel: str | None = None, timeout: int | None = None, progress: Progress = lambda *_: None
) -> Report:
    """Run a notebook from top to bottom twice, and once in the recorded order, each in a fresh kernel; compare.

    The cells do again what they do to files and the network. The recorded order is that of the ``In[...]`` numbers in
    the file; a cell that was executed several times has the last one only.

    Args:
        path: of the notebook; its cells run in that directory.
        kernel: the name of a Jupyter kernel; ``None`` for the notebook's own.
        timeout: seconds that a cell may take; ``None`` for no limit.
        progress: told about each cell.

    Raises:
        MissingExtraError: if nbclient or nbformat is not installed.
        NotebookError: if it is no notebook, has no kernel here, or a cell fails from top to bottom.
    """
    try:
        from samerun.notebook.running import read_notebook
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("nbclient", "nbformat"):
            raise
        raise MissingExtraError(package, "notebook") from error

    notebook = read_notebook(path)

    def run(name: str, order: Sequence[int]) -> Runs:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            progress(name, len(order), done)

        progress(name, len(order), 0)
        return notebook.run(order, kernel=kernel, timeout=timeout, advance=advance)

    first = run("top to bottom", notebook.cells)
    second = run("top to bottom again", notebook.cells)
    order = notebook.recorded()
    if not order:
        return _report(notebook, first, second, {}, order_is="none")
    if order == list(notebook.cells):
        return _report(notebook, first, second, {}, order_is="same")
    try:
        third = run("recorded order", order)
    except NotebookError as error:
        return _report(notebook, first, second, {}, order_is="failed", problem=str(error))
    return _report(notebook, first, second, third, order_is="run")


def _report(
    notebook: Notebook,
    first: Runs,
    second: Runs,
    third: Runs,
    *,
    order_is: Literal["run", "same", "none", "failed"],
    problem: str = "",
) -> Report:
    depends, in_order = _by_cell(first), _by_cell(third)
    cells = []
    for number, run in first.items():
        ours, theirs = depends.get(number, ()), in_order.get(number, ())
        recorded = _compare(run, third[number], _why_recorded(ours, theirs)) if number in third else None
        cells.append(
            CellReport(
                number=number,
                count=notebook.count(number),
                title=title(notebook.cell(number).source),
                draws=_draws(run),
                depends=ours,
                twice=_compare(run, second[number], _why_twice(ours)),
                recorded=recorded,
            )
        )
    return Report(notebook.path, tuple(cells), tuple(notebook.recorded()), order_is, problem, _remarks(notebook))


def _by_cell(runs: Runs) -> dict[int, tuple[Dependence, ...]]:
    found: dict[int, tuple[Dependence, ...]] = {}
    for dependence in dependences((number, run.spans) for number, run in runs.items()):
        found[dependence.cell] = (*found.get(dependence.cell, ()), dependence)
    return found


def _draws(run: CellRun) -> tuple[tuple[str, Draw], ...]:
    return tuple((span.label, draw) for span in run.spans for draw in span.draws)


def _compare(ours: CellRun, theirs: CellRun, why: str) -> Comparison:
    outputs, draws = ours.outputs == theirs.outputs, ours.draws == theirs.draws
    if outputs and draws:
        return Comparison(outputs, draws)
    return Comparison(outputs, draws, _OTHER_REASONS if draws else why)


_OTHER_REASONS = (
    "its own draws are the same; it shows a value of another cell, or what is not drawn: time, the order of sets,"
    " threads, files"
)


def _why_twice(depends: Sequence[Dependence]) -> str:
    unseeded = [found.source for found in depends if found.begun is None]
    if unseeded:
        return f"drew from {', '.join(unseeded)} without a seed"
    return "was seeded from something that changes, or drew after cells that did not draw the same"


def _why_recorded(top: Sequence[Dependence], order: Sequence[Dependence]) -> str:
    """Return which cells' draws come before a cell in one order and not in the other."""
    ours, theirs = ({found.source: found for found in side} for side in (top, order))
    reasons = []
    for source in dict.fromkeys([*ours, *theirs]):
        before = [set(side[source].on) if source in side else set() for side in (ours, theirs)]
        begun = [side[source].begun if source in side else None for side in (ours, theirs)]
        reasons += _only(source, before[0] - before[1], "from top to bottom")
        reasons += _only(source, before[1] - before[0], "in the recorded order")
        if begun[0] != begun[1]:
            said = [f"by cell {cell}" if cell else "by no cell" for cell in begun]
            reasons.append(f"{source} was seeded {said[0]} from top to bottom and {said[1]} in the recorded order")
    return "; ".join(reasons) or "the cells before it drew other amounts, or from other states"


def _only(source: str, cells: set[int], where: str) -> list[str]:
    if not cells:
        return []
    names = f"cell {min(cells)} draws" if len(cells) == 1 else f"cells {', '.join(map(str, sorted(cells)))} draw"
    return [f"{names} from {source} before it {where} only"]


def _remarks(notebook: Notebook) -> tuple[str, ...]:
    recorded = notebook.recorded()
    counts = [count for number in recorded if (count := notebook.count(number)) is not None]
    remarks = []
    if recorded and len(recorded) < len(notebook.cells):
        missing = [str(number) for number in notebook.cells if number not in recorded]
        remarks.append(f"not executed when it was saved: cells {', '.join(missing)}")
    if len(set(counts)) < len(counts):
        remarks.append("several cells have the same number, so they are of several sessions")
    if counts and (lost := max(counts) - len(set(counts))) > 0:
        what = "one execution is" if lost == 1 else f"{lost} executions are"
        remarks.append(f"{what} not in the file: cells that were executed again, changed or deleted")
    return tuple(remarks)
