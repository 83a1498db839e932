"""Helpers for tests of code that saves and resumes.

A program that saves must survive a full disk and a kill at any moment. :class:`FailingStore` is a store whose disk
fails where a test wants it to; :class:`FaultyFiles` is what it fails with, and can end the process instead.
:func:`check_resume` stops a :class:`samerun.Run` wherever a test wants it to, resumes it, and compares bits;
:func:`check_stateful` looks at one thing that has a state.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Collection, Iterable
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

import torch

from samerun.checkpoint import Files, Store
from samerun.checkpoint.files import Buffer
from samerun.errors import ProcessError, ResumeError
from samerun.run.loops import Loops, at_boundary
from samerun.state import first_difference

__all__ = ["FailingStore", "FaultyFiles", "MakeRun", "Stop", "check_resume", "check_stateful", "disk_full"]

#: Takes a directory, makes a run there, trains to the end, and returns a state to compare; or where to import it from,
#: as ``"module:function"``.
MakeRun: TypeAlias = "Callable[[Path], object] | str"

#: A number of steps, ``"epoch 3"`` for when three epochs are behind, or several of these, one process after the other.
Stop: TypeAlias = "int | str | tuple[int | str, ...]"

# The exit code of a process that came to the end without coming to its stop.
_NOT_REACHED = 97


def disk_full() -> None:
    """Raise the ``OSError`` of a full disk.

    Raises:
        OSError: ``ENOSPC``.
    """
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FaultyFiles(Files):
    """The operations on a disk, of which one fails.

    The events are ``create``, ``make_directory``, ``write``, ``sync``, ``sync_directory``, ``rename`` and ``remove``,
    each before it takes place. A write is two events: before it, and when half of the data is written.

    Args:
        at: which event, counted from 0.
        fault: called at that event. It may raise, or end the process with ``os._exit``; if it returns, nothing fails.
        only: the events that count; all by default.
        lasting: whether the fault comes at all later events that count as well, as on a disk that stays full.

    Attributes:
        events: what happened, in order, as ``(event, name of the file or directory)``; those that count.
    """

    def __init__(
        self,
        at: int,
        fault: Callable[[], object] = disk_full,
        *,
        only: Collection[str] | None = None,
        lasting: bool = False,
    ) -> None:
        self.events: list[tuple[str, str]] = []
        self._at = at
        self._fault = fault
        self._only = only
        self._lasting = lasting
        self._names: dict[int, str] = {}

    def _event(self, event: str, name: str) -> None:
        if self._only is not None and event not in self._only:
            return
        self.events.append((event, name))
        number = len(self.events) - 1
        if number == self._at or (self._lasting and number > self._at):
            self._fault()

    def make_directory(self, path: Path) -> None:
        self._event("make_directory", path.name)
        super().make_directory(path)

    def create(self, path: Path) -> int:
        self._event("create", path.name)
        descriptor = super().create(path)
        self._names[descriptor] = path.name
        return descriptor

    def write(self, descriptor: int, data: Buffer) -> None:
        half = len(data) // 2
        self._event("write", self._names[descriptor])
        super().write(descriptor, data[:half])
        self._event("write", self._names[descriptor])
        super().write(descriptor, data[half:])

    def sync(self, descriptor: int) -> None:
        self._event("sync", self._names[descriptor])
        super().sync(descriptor)

    def sync_directory(self, path: Path) -> None:
        self._event("sync_directory", path.name)
        super().sync_directory(path)

    def rename(self, path: Path, target: Path) -> None:
        self._event("rename", f"{path.name} -> {target.name}")
        super().rename(path, target)

    def remove(self, path: Path) -> None:
        self._event("remove", path.name)
        super().remove(path)


class FailingStore(Store):
    """A store whose disk is full at one write, or fails at whatever event and in whatever way a test asks for.

    Args:
        directory: as :class:`~samerun.checkpoint.Store`.
        at: as :class:`FaultyFiles`, which also describes the rest.
        fault: what happens; a full disk by default.
        only: the events that count; by default those that need space.
        lasting: whether the disk stays full.
        options: rank, world_size, barrier and payload of the store.

    >>> import tempfile
    >>> store = FailingStore(tempfile.mkdtemp(), at=1)
    >>> store.save(0, {"step": 0})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    samerun.errors.CheckpointError: ... step 0 was not saved: [Errno 28] No space left on device...
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        *,
        at: int,
        fault: Callable[[], object] = disk_full,
        only: Collection[str] | None = ("create", "make_directory", "write"),
        lasting: bool = False,
        **options: Any,
    ) -> None:
        self.files = FaultyFiles(at, fault, only=only, lasting=lasting)
        super().__init__(directory, files=self.files, **options)


def check_resume(
    make_run: MakeRun,
    stops: Iterable[Stop],
    *,
    kill: bool = False,
    start: Literal["spawn", "fork", "forkserver"] = "spawn",
) -> None:
    """Check that a run which is stopped and resumed ends with the bits of one that is not.

    For each stop a process runs into it, and another one, started afresh, goes on to the end::

        def train(directory):
            torch.manual_seed(0)
            model = torch.nn.Linear(2, 1)
            optimizer = torch.optim.Adam(model.parameters())
            run = samerun.Run(directory, seed=42, save_every=2)
            run.track(model=model, optimizer=optimizer, loader=loader)
            for epoch in run.epochs(3):
                for x in run.batches(loader):
                    ...
            return {"model": model.state_dict(), "optimizer": optimizer.state_dict()}

        def test_resume():
            check_resume(train, stops=[1, 5, "epoch 2", (3, 4)])

    Args:
        make_run: see :data:`MakeRun`.
        stops: see :data:`Stop`.
        kill: whether the process is killed there, and goes on from the checkpoint before; otherwise it is asked to
            stop, as by SIGTERM, so that it saves and goes on from this very place.
        start: how processes are started. ``"spawn"`` takes a fresh interpreter and a function that can be imported.
            ``"fork"`` is much faster and takes any function, and torch then has one thread, as it may hang otherwise.

    Raises:
        ResumeError: naming the stop, the key path of the first difference and both values.
        ProcessError: if a process failed, or did not come to the stop.
    """
    with TemporaryDirectory(prefix="samerun-") as scratch:
        folder = Path(scratch)

        def process(directory: str, stop: int | str | None) -> Any:
            return _in_process(_Part(make_run, folder / directory, folder / "result", stop, kill), start)

        expected = process("uninterrupted", None)
        for number, stop in enumerate(stops):
            places = stop if isinstance(stop, tuple) else (stop,)
            for place in places:
                process(f"stopped-{number}", place)
            _refuse_difference(" and ".join(map(_name, places)), expected, process(f"stopped-{number}", None))


def check_stateful(thing: Any, change: Callable[[], object]) -> None:
    """Check that a thing comes back from its state bit by bit, and that asking for the state changes nothing.

    Args:
        thing: with ``state_dict`` and ``load_state_dict``.
        change: uses the thing, so that its state becomes another one.

    Raises:
        ResumeError: naming the key path of the first difference and both values.

    >>> model = torch.nn.BatchNorm1d(2)
    >>> check_stateful(model, lambda: model(torch.rand(4, 2)))
    """
    before = deepcopy(thing.state_dict())
    _refuse_difference("a second state_dict()", before, thing.state_dict())
    change()
    if first_difference(before, thing.state_dict()) is None:
        raise ResumeError("the change", "", "another state, or nothing is tested", "the same")
    thing.load_state_dict(deepcopy(before))
    _refuse_difference("a changed state", before, thing.state_dict())


def _refuse_difference(stop: str, expected: object, found: object) -> None:
    if difference := first_difference(expected, found):
        raise ResumeError(stop, difference.path, difference.first, difference.second)


def _name(stop: int | str) -> str:
    return stop if isinstance(stop, str) else f"step {stop}"


@dataclass(frozen=True)
class _Part:
    """What one process does of a run."""

    make_run: MakeRun
    directory: Path
    result: Path
    stop: int | str | None
    kill: bool

    @property
    def code(self) -> int:
        """The exit code if all goes well."""
        if self.stop is None:
            return 0
        return -signal.SIGKILL if self.kill else 128 + signal.SIGTERM


def _in_process(part: _Part, start: str) -> Any:
    """Return the state at the end, or ``None`` if there is a stop before."""
    part.result.mkdir(exist_ok=True)
    process: Any = multiprocessing.get_context(start).Process(target=_child, args=(part, start == "fork"))  # type: ignore[attr-defined]
    process.start()
    process.join()
    if process.exitcode == part.code:
        return None if part.stop is not None else Store(part.result).load(0).state["state"]
    error = part.result / "error.txt"
    reason = "the run ended before" if process.exitcode == _NOT_REACHED else "see its output"
    name = "the run to the end" if part.stop is None else f"the run to {_name(part.stop)}"
    raise ProcessError(name, process.exitcode, error.read_text() if error.exists() else reason)


def _child(part: _Part, one_thread: bool) -> None:
    if one_thread:
        torch.set_num_threads(1)
    try:
        if part.stop is not None:
            at_boundary.append(_Stopper(part.stop, kill=part.kill))
        state = _resolved(part.make_run)(part.directory)
        if part.stop is not None:
            raise SystemExit(_NOT_REACHED)
        Store(part.result).save(0, {"state": state})
    except Exception:
        (part.result / "error.txt").write_text(traceback.format_exc())
        raise


def _resolved(make_run: MakeRun) -> Callable[[Path], object]:
    if not isinstance(make_run, str):
        return make_run
    module, _, name = make_run.partition(":")
    function: Callable[[Path], object] = getattr(import_module(module), name)
    return function


class _Stopper:
    """Stops the process at a boundary."""

    def __init__(self, stop: int | str, *, kill: bool) -> None:
        self._what, _, count = stop.rpartition(" ") if isinstance(stop, str) else ("step", "", stop)
        self._count = int(count)
        if self._what not in ("step", "epoch"):
            raise ValueError(f"a stop is a number of steps or 'epoch' and a number, not {stop!r}")
        self._kill = kill

    def __call__(self, run: Loops) -> None:
        if getattr(run, self._what) >= self._count:
            signal.raise_signal(signal.SIGKILL if self._kill else signal.SIGTERM)
