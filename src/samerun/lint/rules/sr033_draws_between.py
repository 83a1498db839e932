"""A cell that only shows something draws between the cell that seeds and the cell that trains.

What it does:
    Finds cells of a notebook that draw from a global generator after another cell seeded it, show something, and
    leave nothing behind that a later cell uses: a plot of a few random samples, a look at the first batch of a
    loader, the shape of what an untrained model gives. It says so where the training that follows draws from the same
    generator, and is silent where the generator is seeded in between or the cell is kept apart. ``iter`` of torch's
    loader draws as well, shuffled or not, unless the loader has a generator of its own. Where the cell shows nothing
    of the notebook, but what some function of torch or NumPy does, it is said only under ``--pedantic``.

Why it is bad:
    What the cell shows is of no account to the training, and yet decides it: look twice, at one sample more or not at
    all, and the training is another one.

Example:
    ::

        In[1]: torch.manual_seed(0)
        In[2]: plt.imshow(next(iter(loader))[0][0])
        In[3]: for images, labels in loader: ...

Experiment:
    The order of a shuffled loader after one seed, with no look at it before, and with one::

        from contextlib import nullcontext

        import torch
        from torch.utils.data import DataLoader

        import samerun

        loader = DataLoader(range(100), batch_size=100, shuffle=True)


        def run(looks, around=nullcontext):
            torch.manual_seed(0)
            for _ in range(looks):
                with around():
                    next(iter(loader))
            return next(iter(loader))


        print("the same order:", torch.equal(run(0), run(1)))
        print("isolated, the same order:", torch.equal(run(0), run(1, samerun.isolate)))

    It prints::

        the same order: False
        isolated, the same order: True

Use instead:
    ``%%isolate`` at the top of such a cell (``%load_ext samerun``), which leaves the generators as they were, or::

        with samerun.isolate():
            plt.imshow(next(iter(loader))[0][0])

    Or seed once more where the training begins.

When to silence:
    When the notebook is only ever executed as a whole and will not change any more.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from samerun.lint.cells import Cells
from samerun.lint.file import File
from samerun.lint.finding import Finding
from samerun.lint.flow import Event
from samerun.lint.notebook import Cell
from samerun.lint.rule import Rule
from samerun.lint.syntax import FUNCTIONS, called, end
from samerun.lint.vocabulary import CPU, IN_PLACE, LIBRARIES, NUMPY, PYTHON

__all__ = ["RULE"]

_SHOWS = ("show", "plot", "imshow", "matshow", "display", "print", "visual", "hist", "scatter")
_SHOWING = ("matplotlib.", "seaborn.", "plotly.", "IPython.display.", "builtins.print")
# Methods and functions by which something stays that no name tells of.
_LEAVES = frozenset("append extend add update insert pop remove fill_ copy_ write load_state_dict".split())

_Place = tuple[int, int]


def _check(file: File) -> Iterable[Finding]:
    if file.notebook is None:
        return
    cells = Cells(file, file.notebook)
    if not cells.training:
        return
    purpose = _Purpose(file, cells)
    found: dict[int, Finding] = {}
    for library in (CPU, NUMPY, PYTHON):
        for cell, event, seeded, user in _between(file, cells, purpose, library):
            found.setdefault(
                cell.number,
                Finding(
                    RULE.code,
                    f"cell {cell.number} only shows something, and draws from {LIBRARIES[library]} between the seed in "
                    f"cell {seeded.number} and cell {user.number}, which goes on from there",
                    file.range(event.site),
                    pedantic=not purpose.is_about_notebook(cell),
                ),
            )
    yield from found.values()


def _between(file: File, cells: Cells, purpose: _Purpose, library: str) -> Iterator[tuple[Cell, Event, Cell, Cell]]:
    """Yield cells that only show something with their draw, the cell that seeded, and the one that draws next."""
    seeded: Cell | None = None
    looks: dict[int, tuple[Cell, Event]] = {}
    for event in file.timeline:
        cell = cells.of(event)
        sets = event.kind in ("seed", "entropy", "restore") and library in event.libraries
        if sets or event.kind == "unknown-seed":
            seeded = cell if event.kind == "seed" and event.certain else None
            looks = {}
        elif seeded is not None and library in cells.drawn_by(event):
            if purpose.only_shows(cell, event):
                if event.certain and cell is not seeded:
                    looks.setdefault(cell.number, (cell, event))
            elif purpose.is_part(cell):
                yield from ((look, draw, seeded, cell) for look, draw in looks.values())
                looks = {}
        if cells.trains(event):
            seeded = None  # from here on the training draws, which its own cells decide


class _Purpose:
    """What the cells of a notebook are for."""

    def __init__(self, file: File, cells: Cells) -> None:
        self._file = file
        self._cells = cells
        self._used = _used(file, cells)
        self._shows: dict[int, bool] = {}
        self._calls: defaultdict[int, list[ast.Call]] = defaultdict(list)
        for call in file.nodes(ast.Call):
            self._calls[cells.number_of(call)].append(call)

    def is_part(self, cell: Cell) -> bool:
        """Return whether a cell trains, or makes something that is used later, before the last one that trains."""
        training = self._cells.training
        return cell.number in training or (cell.number in self._used and cell.number < max(training))

    def only_shows(self, cell: Cell, event: Event) -> bool:
        """Return whether a cell shows what it draws, and nothing of it stays."""
        number = cell.number
        if number not in self._shows:
            stays = number in self._cells.training or number in self._used or self._leaves(number)
            shows = any(_is_show(self._file, call) for call in self._calls[number]) or self._ends_with_value(number)
            self._shows[number] = shows and not stays
        return self._shows[number] and self._is_harmless(event)

    def is_about_notebook(self, cell: Cell) -> bool:
        """Return whether a cell reads something that other cells made: data, a model, a function."""
        for node in self._file.nodes(ast.Name):
            if not isinstance(node.ctx, ast.Load) or self._cells.number_of(node) != cell.number:
                continue
            bindings = self._file.names.bindings(node)
            own = any(one.source is not None or self._cells.number_of(one.node) == cell.number for one in bindings)
            is_library = not bindings and self._file.resolve(node) is not None
            if not own and not is_library and self._file.kind_of(node) != "torch.device":
                return True
        return False

    def _ends_with_value(self, number: int) -> bool:
        """Return whether the notebook shows the value of the last line, which is no call of the project."""
        last = self._cells.statements[number][-1]
        if not isinstance(last, ast.Expr):
            return False
        return not isinstance(last.value, ast.Call) or self._file.resolve(last.value.func) is not None

    def _leaves(self, number: int) -> bool:
        """Return whether something stays in what was there before, or on the disk."""
        targets: list[ast.Attribute | ast.Subscript] = [
            *self._file.nodes(ast.Attribute),
            *self._file.nodes(ast.Subscript),
        ]
        changed = [one for one in targets if isinstance(one.ctx, ast.Store) and self._cells.number_of(one) == number]
        methods = [call.func for call in self._calls[number] if isinstance(call.func, ast.Attribute)]
        changed += [one for one in methods if one.attr in _LEAVES]
        saves = any(one.attr.startswith(("to_csv", "to_p", "save", "dump")) for one in methods)
        return saves or not all(self._is_own(one, number) for one in changed)

    def _is_own(self, node: ast.expr, number: int) -> bool:
        """Return whether an object is one that the cell made."""
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        bindings = [one for one in self._file.names.bindings(node) if one.source is None]
        return any(self._cells.number_of(one.node) == number for one in bindings)

    def _is_harmless(self, event: Event) -> bool:
        """Return whether a draw changes nothing in place, and in a function is there for what that shows."""
        if event.name.startswith(IN_PLACE):
            return False
        if event.node is event.site:
            return True
        function = event.file.enclosing_function(event.node)
        if event.kind == "model" or function is None:
            return True
        calls = [one for one in event.file.nodes(ast.Call) if event.file.is_inside(one, function)]
        return any(_is_show(event.file, one) for one in calls)


def _is_show(file: File, call: ast.Call) -> bool:
    return called(call).lower().startswith(_SHOWS) or (file.resolve(call.func) or "").startswith(_SHOWING)


def _used(file: File, cells: Cells) -> set[int]:
    """Return the numbers of the cells that assign a name which is read in a later one before it is assigned anew."""
    module, found = file.index.module, set[int]()
    reads: defaultdict[str, list[ast.Name]] = defaultdict(list)
    for node in file.nodes(ast.Name):
        scope = file.index.scopes[node]
        if isinstance(node.ctx, ast.Load) and node.id in module.names and scope.home(node.id) is module:
            reads[node.id].append(node)
    for name, loads in reads.items():
        targets = [one.node for one in module.names[name] if isinstance(one.node, ast.Name)]
        if len(targets) < len(module.names[name]):
            continue  # a function, a class or a module, which is not drawn
        places = sorted((_done(file, target), cells.number_of(target)) for target in targets)
        changed = [target for target in targets if isinstance(file.parent(target), ast.AugAssign)]
        for node in (*loads, *changed):
            if file.enclosing(node, *FUNCTIONS) is not None:
                found.update(map(cells.number_of, targets))  # whenever it is called
                continue
            here = node.lineno, node.col_offset
            before = [number for place, number in places if place < here]
            if before and before[-1] != cells.number_of(node):
                found.add(before[-1])
    return found


def _done(file: File, target: ast.AST) -> _Place:
    """Return where a name has its value: at the end of an assignment, and of what a loop goes over."""
    statement = file.statement(target)
    if isinstance(statement, ast.For | ast.AsyncFor):
        return end(statement.iter)
    return end(statement if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign) else target)


RULE = Rule(
    "SR033",
    "draws-between",
    "a cell that only shows something draws between the cell that seeds and the cell that trains",
    _check,
)
