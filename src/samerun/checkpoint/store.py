"""A directory of checkpoints, one folder a step; each appears whole, by a rename, or not at all.

==============================  ====================================================================================
``step-000000123``              a checkpoint: ``manifest.json`` and the files of every rank
``.step-000000123.new``         one that is being written; invisible
``.step-000000123.replaced``    the former one of a step that is being saved again, until the new one is there
``.step-000000123.deleted``     one that is being deleted; invisible
==============================  ====================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from samerun._version import __version__
from samerun.checkpoint import manifest
from samerun.checkpoint.files import Files
from samerun.checkpoint.format import Json, pack
from samerun.checkpoint.payload import Payload, Safetensors
from samerun.checkpoint.reading import (
    MANIFEST,
    Checkpoint,
    Info,
    PassedOver,
    explained,
    read_info,
    read_manifest,
    read_part,
    read_state,
)
from samerun.errors import CheckpointError, Problem, SamerunError, StateError

__all__ = ["Staged", "Store", "locate"]

# How often the ranks wait for each other in a save.
_MEETINGS = 3

_NAME = re.compile(r"step-(\d{9,18})")
_HIDDEN = re.compile(r"\.(step-\d{9,18})\.(new|replaced|deleted)")


@dataclass(frozen=True, slots=True)
class Staged:
    """A checkpoint that is ready to be written, whose tensors are in the store's buffer."""

    step: int
    tree: Json
    meta: Json


class Store:
    """The checkpoints in a directory, which must exist and belong to one writer at a time.

    With several ranks each has a store on the same directory: each writes its own part, and rank 0 makes the
    checkpoint appear when all parts are on the disk. All ranks must save the same steps in the same order.

    Args:
        directory: where the checkpoints are.
        rank: of this process.
        world_size: how many ranks there are.
        barrier: waits for all ranks. It is called three times a save, from the thread that saves, also after a
            failure. With ``torch.distributed`` give it a process group of its own.
        payload: how tensors are stored; :class:`~samerun.checkpoint.Safetensors` by default.
        files: the operations that change the disk.
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        *,
        rank: int = 0,
        world_size: int = 1,
        barrier: Callable[[], object] | None = None,
        payload: Payload | None = None,
        files: Files | None = None,
    ) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be from 0 to world_size - 1, not {rank} of {world_size}")
        if (world_size > 1) != (barrier is not None):
            raise ValueError("several ranks need a barrier, and one rank none")
        self.directory = Path(directory)
        self.rank = rank
        self._world_size = world_size
        self._barrier = barrier or _no_barrier
        self._payload = payload or Safetensors()
        self._files = files or Files()

    def steps(self) -> tuple[int, ...]:
        """Return the steps of which there is a checkpoint, good or not, in rising order.

        Raises:
            CheckpointError: if the directory cannot be read.
        """
        with explained(self.directory):
            names = {entry.name for entry in self.directory.iterdir()}
        names |= {found[1] for name in names if (found := _HIDDEN.fullmatch(name)) and found[2] == "replaced"}
        steps = {int(found[1]) for name in names if (found := _NAME.fullmatch(name))}
        return tuple(sorted(step for step in steps if _name(step) in names))

    def folder(self, step: int) -> Path:
        """Return where the checkpoint of a step is, or would be."""
        folder, replaced = self.directory / _name(step), self._hidden(step, "replaced")
        return replaced if not folder.exists() and replaced.exists() else folder

    def info(self, step: int) -> Info:
        """Return what the manifest of a step says, without reading its tensors.

        Raises:
            CheckpointError: if there is none, or it is damaged.
        """
        return read_info(self.folder(step), step)

    def verify(self, step: int) -> Info:
        """Read all of a checkpoint, compare every size and checksum, and return what its manifest says.

        Raises:
            CheckpointError: naming the file and what is wrong with it.
        """
        return self.read(step)[0]

    def read(self, step: int) -> tuple[Info, tuple[Any, ...]]:
        """Return what the manifest of a step says and the verified states of all its ranks, however many there are.

        Raises:
            CheckpointError: as :meth:`verify`.
        """
        info = self.info(step)
        return info, self._states(info)

    def _states(self, info: Info) -> tuple[Any, ...]:
        return tuple(read_state(info, rank, self._payload) for rank in range(len(info.parts)))

    def load(self, step: int) -> Checkpoint:
        """Return the checkpoint of a step, of which the files of all ranks were verified.

        Raises:
            CheckpointError: if there is none, or it is damaged.
            StateError: if it was saved by another number of ranks.
        """
        return self._load(self.info(step))

    def _load(self, info: Info) -> Checkpoint:
        states = self._states(info)
        if len(states) != self._world_size:
            advice = "go on with as many as there were"
            problem = Problem("ranks", f"a checkpoint of {len(states)}", str(self._world_size), advice)
            raise StateError([problem])
        return Checkpoint(info, states[self.rank])

    def load_newest(self, check: Callable[[Info], object] | None = None) -> Checkpoint | None:
        """Return the newest checkpoint that verifies, or ``None`` if there is none at all.

        Args:
            check: looks at what a manifest says, and raises :class:`~samerun.errors.CheckpointError` for a checkpoint
                that is to be passed over.

        Raises:
            CheckpointError: if there are some, and none can be used.
            StateError: if it was saved by another number of ranks.
        """
        passed_over: list[PassedOver] = []
        for step in reversed(self.steps()):
            try:
                info = self.info(step)
                if check is not None:
                    check(info)
                found = self._load(info)
            except CheckpointError as error:
                passed_over.append(PassedOver(step, f"{Path(error.where).name}: {error.reason}"))
            else:
                return replace(found, passed_over=tuple(passed_over))
        if not passed_over:
            return None
        reasons = "\n  ".join(map(str, passed_over))
        advice = "move them away to start anew"
        raise CheckpointError(str(self.directory), f"no checkpoint can be used; {advice}\n  {reasons}")

    def save(self, step: int, state: object, meta: Mapping[str, object] | None = None) -> None:
        """Save a state and wait until it is on the disk; a checkpoint of the same step is replaced.

        Args:
            step: 0 to ``10**18 - 1``.
            state: what :func:`~samerun.checkpoint.pack` takes.
            meta: to be read without the state; the same, but no tensors, arrays or bytes.

        Raises:
            StateError: for a value that cannot be stored; nothing was written.
            CheckpointError: if the disk did not take it; all other checkpoints are as before.
        """
        self.commit(self.stage(step, state, meta))

    def stage(self, step: int, state: object, meta: Mapping[str, object] | None = None) -> Staged:
        """Copy a state into the buffer, after which it may change. The first half of :meth:`save`.

        There is one buffer, so :meth:`commit` comes before the next call.

        Raises:
            StateError: for a value that cannot be stored. On the other ranks :meth:`commit` fails then.
        """
        try:
            return self._stage(step, state, meta)
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Take no part in a save that the other ranks make, whose :meth:`commit` fails then; or they would wait."""
        for _ in range(_MEETINGS):
            self._barrier()

    def _stage(self, step: int, state: object, meta: Mapping[str, object] | None) -> Staged:
        if type(step) is not int or not 0 <= step < 10**18:
            raise ValueError(f"step must be an integer from 0 to 10**18 - 1, not {step!r}")
        packed, packed_meta = pack(state), pack(dict(meta or {}))
        if packed_meta.blocks:
            names = ", ".join(packed_meta.blocks)
            raise StateError([Problem("meta", f"tensors or bytes at {names}", "JSON values", "call .item()")])
        self._payload.stage(packed.blocks)
        return Staged(step, packed.tree, packed_meta.tree)

    def commit(self, staged: Staged) -> None:
        """Write what was staged and make it appear. The second half of :meth:`save`, for any thread.

        Raises:
            CheckpointError: if the disk did not take it; all other checkpoints are as before.
        """
        failures: list[Exception] = []
        if self.rank == 0:
            with _collected(failures):
                self._begin(staged.step)
        self._barrier()
        part: dict[str, Json] = {}
        if not failures:
            with _collected(failures):
                part = self._write_part(staged)
        self._barrier()
        if self.rank == 0 and not failures:
            with _collected(failures):
                self._publish(staged, part)
        self._barrier()
        if self.rank != 0 and not failures:
            with _collected(failures):
                self._confirm(staged.step, part)
        if failures:
            self._give_up(staged.step, failures[0])

    def delete(self, step: int) -> None:
        """Delete the checkpoint of a step; a crash in the middle leaves nothing visible of it.

        Raises:
            CheckpointError: if it cannot be deleted.
        """
        try:
            self._discard(self.folder(step), step)
        except OSError as error:
            raise CheckpointError(str(self.directory), f"step {step} was not deleted: {error.strerror}") from error

    def clean(self) -> None:
        """Remove what a writer that died left behind. A live one must not be writing.

        Raises:
            CheckpointError: if something cannot be removed.
        """
        with explained(self.directory):
            for path in sorted(self.directory.iterdir()):
                if found := _HIDDEN.fullmatch(path.name):
                    folder = self.directory / found[1]
                    if found[2] != "replaced":
                        self._files.remove_tree(path)
                    elif folder.exists():
                        self._discard(path, int(found[1].removeprefix("step-")))
                    else:
                        self._files.rename(path, folder)
                        self._files.sync_directory(self.directory)

    def _hidden(self, step: int, why: str) -> Path:
        return self.directory / f".{_name(step)}.{why}"

    def _begin(self, step: int) -> None:
        self.clean()
        self._files.make_directory(self._hidden(step, "new"))

    def _write_part(self, staged: Staged) -> dict[str, Json]:
        folder, stem = self._hidden(staged.step, "new"), f"rank-{self.rank:05d}"
        files = self._payload.write(self._files, folder, stem)
        part: dict[str, Json] = {"payload": self._payload.kind, "files": files, "state": staged.tree}
        if self.rank != 0:
            self._files.write_file(folder / f"{stem}.json", [manifest.dump({"part": part})])
        return part

    def _publish(self, staged: Staged, part: dict[str, Json]) -> None:
        """Complete the folder, then give it its name: from then on it is a checkpoint, and before it is nothing."""
        new, folder = self._hidden(staged.step, "new"), self.directory / _name(staged.step)
        others = [new / f"rank-{rank:05d}.json" for rank in range(1, self._world_size)]
        document: dict[str, Json] = {
            "step": staged.step,
            "made_by": f"samerun {__version__}",
            "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "meta": staged.meta,
            "ranks": [part, *(read_manifest(path)["part"] for path in others)],
        }
        self._files.write_file(new / MANIFEST, [manifest.dump(document)])
        for path in others:
            self._files.remove(path)
        self._files.sync_directory(new)
        former = self._hidden(staged.step, "replaced")
        if folder.exists():
            self._files.rename(folder, former)
        self._files.rename(new, folder)
        self._files.sync_directory(self.directory)
        if former.exists():
            self._discard(former, staged.step)

    def _confirm(self, step: int, part: dict[str, Json]) -> None:
        """Find out on another rank whether rank 0 succeeded."""
        ours = read_part(part, self.rank, self.directory)
        if self.info(step).parts[self.rank : self.rank + 1] != (ours,):
            raise CheckpointError(str(self.folder(step)), f"rank {self.rank} is not in it; see the error of rank 0")

    def _discard(self, folder: Path, step: int) -> None:
        doomed = self._hidden(step, "deleted")
        if doomed.exists():
            self._files.remove_tree(doomed)
        self._files.rename(folder, doomed)
        self._files.sync_directory(self.directory)
        self._files.remove_tree(doomed)

    def _give_up(self, step: int, failure: Exception) -> None:
        new = self._hidden(step, "new")
        if self.rank == 0 and new.exists():
            with suppress(OSError):  # the failure is what matters, and the next save tries again
                self._files.remove_tree(new)
        if not isinstance(failure, OSError | SamerunError | ValueError):
            raise failure
        reason = f"step {step} was not saved: {failure}; the checkpoints before it are as they were"
        raise CheckpointError(str(self.directory), reason) from failure


def locate(path: str | PathLike[str]) -> tuple[Store, tuple[int, ...]]:
    """Return the store and the steps that a path stands for: those of a directory, or the one whose folder it is.

    Raises:
        CheckpointError: if there is none.
    """
    place = Path(path).absolute()
    if found := _NAME.fullmatch(place.name):
        return Store(place.parent), (int(found[1]),)
    store = Store(place)
    if steps := store.steps():
        return store, steps
    raise CheckpointError(str(path), "found no checkpoints, expected a directory of them or the folder of one")


def _name(step: int) -> str:
    return f"step-{step:09d}"


def _no_barrier() -> None:
    """One rank waits for nobody."""


@contextmanager
def _collected(failures: list[Exception]) -> Iterator[None]:
    """Keep a failure for later, because the other ranks wait at the next barrier."""
    try:
        yield
    except Exception as error:
        failures.append(error)
