"""Around each cell: reads the generators before and after, and lets streams and isolated blocks end with the cell."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

from samerun.errors import NotebookError, SamerunError
from samerun.notebook.draws import Span
from samerun.notebook.entry import Entry
from samerun.notebook.journal import Journal
from samerun.notebook.states import Reader, State, changed, read
from samerun.notebook.streams import Guard, Position, Streams
from samerun.notebook.watch import Watches
from samerun.rng.ownership import Entry as Entered
from samerun.rng.ownership import Owner, stack
from samerun.rng.registry import global_sources
from samerun.rng.source import Source
from samerun.run.signals import Signals

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

__all__ = ["ISOLATE", "Recorder"]

#: The label of isolated blocks, which no stream can have.
ISOLATE = "isolate"


@dataclass
class _Block:
    """A stream or an isolated block that lasts until the cell ends."""

    label: str
    entered: Entered
    before: State


@dataclass(eq=False)
class _Cell:
    """A cell that is running; one that another cell runs is inside of it."""

    thread: int = field(default_factory=threading.get_ident)
    info: ExecutionInfo | None = None  # a cell that runs silently has none
    counter: int = 0  # the shell's, when the cell began
    before: State | None = None  # of the outermost only
    positions: dict[str, Position] = field(default_factory=dict)
    blocks: list[_Block] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    note: str = ""


class Recorder:
    """What happens around the cells of one shell.

    A cell run by another one, as by ``%run``, counts as part of it. Draws made by threads while a cell runs cannot be
    told from its own; those made between cells are not blamed on any.

    Args:
        shell: IPython's.
        say: shows a notice of one line.
    """

    def __init__(self, shell: InteractiveShell, say: Callable[[str], object]) -> None:
        self.journal = Journal()
        self.watches = Watches()
        self.streams = Streams()
        self.guard: Guard | None = None
        #: Get every entry once it is in the journal.
        self.listeners: list[Callable[[Entry], object]] = []
        #: Whether the notebook is being checked, which keeps no journal of its own beside it.
        self.checked = False
        self._shell = shell
        self._say = say
        self._cells: list[_Cell] = []
        self._reader = Reader()
        self._ahead = 1  # by how much the shell has counted on when a cell begins; 0 for IPython 8

    def events(self) -> dict[str, Callable[..., None]]:
        """Return what is to be called, by the names of IPython's events."""
        handlers = (self.pre_execute, self.pre_run_cell, self.post_execute, self.post_run_cell)
        return {handler.__name__: handler for handler in handlers}

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's variables."""
        found: dict[str, Any] = self._shell.user_ns
        return found

    def sources(self) -> dict[str, Source[Any]]:
        """Return every source that a cell's draws are counted for: all global ones, and those that are watched."""
        return {**global_sources(), **self.watches.sources}

    def read(self) -> State:
        """Return the states of all sources now."""
        return self._reader.read(self.sources().values())

    def note(self, text: str) -> None:
        """Say in the entry of the running cell what it did to the states."""
        for cell in self._cells[:1]:
            cell.note = text

    def pre_execute(self) -> None:
        """Begin a cell, which may be a silent one."""
        try:
            self._drop_stale()
        finally:
            self._cells.append(_Cell())

    def pre_run_cell(self, info: ExecutionInfo) -> None:
        """Read the states before a cell."""
        with Signals((signal.SIGINT,)):
            cell = self._running()
            if cell is None:
                return
            cell.info = info
            if self._is_outermost(cell):
                cell.counter = self._shell.execution_count
                self._look_for_watched()
                cell.positions = dict(self.streams.positions)
                cell.before = self.read()

    def post_execute(self) -> None:
        """End a silent cell; the others end with :meth:`post_run_cell`, which comes right after."""
        cell = self._running()
        if cell is not None and cell.info is None:
            with Signals((signal.SIGINT,)):
                self._end(cell)

    def post_run_cell(self, result: ExecutionResult | None) -> None:
        """End a cell: leave its blocks, read the states, write the entry, and look whether it drew what is guarded."""
        cell = self._ended(result)
        if cell is None:  # it began before the extension was loaded, or was empty
            return
        with Signals((signal.SIGINT,)):
            try:
                self._end(cell)
                if cell.before is not None:
                    self._record(cell, result)
            except SamerunError as error:
                self._fail(result, error)

    def enter(self, label: str, owner: Owner, *, keeps: bool = True) -> None:
        """Let an owner have the generators until the running cell ends.

        Raises:
            NotebookError: if no cell is running.
            StreamError: if another thread is inside a stream.
        """
        cell = self._running()
        if cell is None:
            raise NotebookError(label, "no cell is running that it could last for")
        with Signals((signal.SIGINT,)):
            before = {} if keeps else self.read()
            entered = stack.enter(owner, self.watches.sources, keeps=keeps)
            cell.blocks.append(_Block(label, entered, before or self._begin(label, owner)))

    def _begin(self, label: str, owner: Owner) -> State:
        """Return where a stream begins, which has just been entered."""
        position, live = self.streams.positions.get(label), self.sources()
        if position is not None and position.state.keys() == live.keys():
            return position.state  # what was just written
        before = read(live.values(), {} if position is None else position.state)
        position = Position(getattr(owner, "seed", None), before)
        self.streams.positions[label] = position
        self._cells[0].positions.setdefault(label, position)
        return before

    def leave_all(self) -> None:
        """Leave every block that is still on, when the extension goes."""
        for cell in reversed(self._cells):
            self._end(cell)

    def _end(self, cell: _Cell) -> None:
        """Take a cell out and leave its blocks, all of them whatever fails."""
        self._cells.remove(cell)
        outer = next((other for other in self._cells if other.thread == cell.thread), cell)
        failed: SamerunError | None = None
        while cell.blocks:
            block = cell.blocks.pop()
            try:
                after = self._leave(block)
            except SamerunError as error:
                failed = failed or error
            else:
                outer.spans.append(Span(block.label, block.before, after))
        if outer is not cell:
            outer.spans += cell.spans
        if failed is not None:
            raise failed

    def _leave(self, block: _Block) -> State:
        if not block.entered.keeps:
            after = read(self.sources().values(), block.before)
            stack.leave(block.entered)
            return after
        try:
            stack.leave(block.entered)
        finally:
            after = self.streams.stopped(block.label)
        return after

    def _record(self, cell: _Cell, result: ExecutionResult | None) -> None:
        assert cell.info is not None
        assert cell.before is not None
        outside = Span("", cell.before, self.read())
        entry = Entry(
            number=self.journal.next_number,
            kernel=self.journal.kernel,
            count=self._count(cell, result) if cell.info.store_history else None,
            code=cell.info.raw_cell or "",
            outside=outside,
            blocks=tuple(cell.spans),
            positions=cell.positions,
            note=cell.note,
        )
        for listener in self.listeners:
            listener(entry)
        self.journal.append(entry)
        self._look_at_guard(entry, result)

    def _count(self, cell: _Cell, result: ExecutionResult | None) -> int:
        """Return the number that the notebook shows; the result of an interrupted cell does not have it."""
        found: int | None = None if result is None else result.execution_count
        if found is None:
            return cell.counter - self._ahead
        self._ahead = cell.counter - found
        return found

    def _look_at_guard(self, entry: Entry, result: ExecutionResult | None) -> None:
        guard, moved = self.guard, changed(entry.outside.before, entry.outside.after)
        if guard is None or not moved or entry.note:
            return
        text = (
            f"drew from {', '.join(moved)}, and is not marked as part of {guard.name!r}, which goes on as if it had not"
        )
        advice = f'if it is part of it, mark it with the comment "# samerun: {guard.name}"'
        if guard.strict and (result is None or result.success):
            raise NotebookError(entry.name, f"{text}; {advice}")
        self._say(f"{entry.name} {text} ({advice})")

    def _look_for_watched(self) -> None:
        before = self.watches.sources.keys()
        gone = self.watches.refresh(self.namespace)
        if lost := before - self.watches.sources.keys():
            self.streams.forget_sources(lost)
        for expression, reason in gone.items():
            self._say(f"{expression} is not watched any more: {reason}")

    def _fail(self, result: ExecutionResult | None, error: SamerunError) -> None:
        """Let a cell fail that has ended: shown as an error, and answered as one, so that the next cells do not run."""
        self._shell.showtraceback((type(error), error, None))
        if result is not None and result.success:
            result.error_in_exec = error

    def _running(self) -> _Cell | None:
        thread = threading.get_ident()
        return next((cell for cell in reversed(self._cells) if cell.thread == thread), None)

    def _is_outermost(self, cell: _Cell) -> bool:
        return next(other for other in self._cells if other.thread == cell.thread) is cell

    def _ended(self, result: ExecutionResult | None) -> _Cell | None:
        """Return the cell that a result is of. An interrupted one comes with a new result of the same code, or none."""
        running = [cell for cell in reversed(self._cells) if cell.thread == threading.get_ident() and cell.info]
        if result is None:
            return running[0] if running else None
        same = (cell for cell in running if cell.info is result.info)
        code = getattr(result.info, "raw_cell", None)
        alike = (cell for cell in running if cell.info and cell.info.raw_cell == code)
        return next(same, None) or next(alike, None)

    def _drop_stale(self) -> None:
        """End the cells of this thread that have ended without saying so, as when an interrupt hit IPython itself."""
        thread = threading.get_ident()
        ours = [cell for cell in self._cells if cell.thread == thread]
        if ours:
            for cell in reversed(ours[_depth() - 1 :]):
                self._end(cell)


def _depth() -> int:
    """Return how many cells are running inside one another in this thread."""
    depth, frame = 0, sys._getframe()
    above: FrameType | None = frame
    while above is not None:
        depth += above.f_code.co_name == "run_cell_async"
        above = above.f_back
    return depth
