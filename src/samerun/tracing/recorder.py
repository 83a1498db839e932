"""What is recorded at each moment of a step, whoever calls it at that moment."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, wraps
from multiprocessing.util import Finalize
from types import FrameType
from typing import Any, TypeVar, cast

import torch
from torch.optim import Optimizer
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils.data import get_worker_info
from xxhash import xxh3_128_digest

from samerun.tracing.beside import Beside
from samerun.tracing.callsite import call_site
from samerun.tracing.deep import Observation, observing
from samerun.tracing.fingerprint import ROWS, digest, row_digests, tensor_digest
from samerun.tracing.format import Phase
from samerun.tracing.generators import Generators
from samerun.tracing.loaders import Loaders
from samerun.tracing.owners import Alive, alive
from samerun.tracing.process import open_writer
from samerun.tracing.settings import Settings, keeps_parts, keeps_states
from samerun.tracing.training import Record, Training
from samerun.tracing.writer import Writer

__all__ = ["Recorder"]

# Notes kept before there is a file, and in all; a script that seeds in each step would fill the disk.
_EARLY, _NOTES = 10_000, 100_000
# Observations of levels 2 and 3 that are kept before there is a file: the latest ones.
_SEEN = 200_000
# The rows of batches up to this size are recorded at each step, those of larger ones where other parts are.
_SMALL_BATCH = 64

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _moment(method: _Method) -> _Method:
    """Let what happens inside not be recorded itself, and a failure end the recording and not the run."""

    @wraps(method)
    def guarded(self: Recorder, *args: Any, **kwargs: Any) -> Any:
        thread = threading.get_ident()
        if self.failed is not None or thread in self._busy:
            return None
        self._busy.add(thread)
        try:
            # Where a compiler is at work, it would take what is called from here for a part of the training.
            call = _uncompiled(method) if "torch._dynamo" in sys.modules else method
            return call(self, *args, **kwargs)
        except Exception as error:
            self._fail(error)
            return None
        finally:
            self._busy.discard(thread)

    return cast("_Method", guarded)


@cache
def _uncompiled(method: Callable[..., Any]) -> Callable[..., Any]:
    found: Callable[..., Any] = torch.compiler.disable(method)
    return found


class Recorder:
    """Records one process into one file, which is made at its first batch or optimizer step.

    Args:
        settings: what is recorded.

    Attributes:
        step: how many optimizer steps are behind.
        failed: why the recording ended before the run, if it did.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reset()

    def _reset(self) -> None:
        self.step = 0
        self.failed: Exception | None = None
        self._busy: set[int] = set()
        self._writer: Writer | None = None
        self._notes: list[tuple[int, str, Any]] = []
        self._noted = 0
        self._generators = Generators()
        self._loaders = Loaders()
        self._beside = Beside()
        self._trainings: weakref.WeakKeyDictionary[Optimizer, tuple[str, Training]] = weakref.WeakKeyDictionary()
        self._made: list[tuple[weakref.ref[Optimizer], dict[str, Any]]] = []
        self._numbered = 0
        self._running: list[tuple[Optimizer, FrameType]] = []
        self._scaler: Callable[[], Any] = lambda: None
        self._phase = Phase.BEFORE_BATCH
        self._loss: float | None = None
        self._threads = 0
        self._on = self._parts = True
        self._deep = ExitStack()
        self._is_observing = False
        self._seen: deque[Observation] = deque(maxlen=_SEEN)

    @property
    def writer(self) -> Writer | None:
        """Of this process; ``None`` before its first batch or step."""
        return self._writer

    def close(self, reason: str) -> None:
        """Write the rest and why the run ended."""
        self._deep.close()
        if self._writer is not None:
            self._writer.close(reason)

    def watch(self) -> None:
        """Observe what happens before the first batch or step as levels 2 and 3 do, if they are for the first step."""
        if self._settings.is_deep(0) and multiprocessing.parent_process() is None:
            self._observe()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Record nothing of what this thread does inside."""
        thread = threading.get_ident()
        self._busy.add(thread)
        try:
            yield
        finally:
            self._busy.discard(thread)

    def in_child(self) -> None:
        """Begin anew in a process that was forked, which makes a file of its own if it trains."""
        step = self.step
        self._deep.close()
        self._reset()
        self._notes.append((0, "forked", {"parent": os.getppid(), "step": step}))

    @_moment
    def note(self, kind: str, value: Any) -> None:
        """Record something that happened."""
        self._note(kind, value)

    @_moment
    def pass_begins(self, iterator: Any, loader: Any) -> None:
        """A loader was asked for an iterator; no generator has drawn for it yet."""
        if get_worker_info() is not None:
            return
        first = self._begin_file()
        label, other, described = self._loaders.begin(iterator, loader)
        place = call_site()
        if described is not None:
            self._note("loader", {**described, "place": place})
        if other and (problem := self._generators.look_into(label, loader)) is not None:
            self._note("generators", {"loader": label, "problem": problem})
        self._note("iter", {"loader": label, "place": place})
        self._generators.refresh()
        if first:
            self._begin_step()
        self._read_generators(Phase.BEFORE_BATCH)

    @_moment
    def loader_made(self, loader: Any) -> None:
        """There is a loader."""
        self._loaders.made(loader, call_site())

    @_moment
    def optimizer_made(self, optimizer: Optimizer) -> None:
        """There is an optimizer; what it begins with is recorded before the next batch or the next backward pass."""
        self._made.append((weakref.ref(optimizer), call_site()))

    def modules_made(self) -> None:
        """There may be modules that there were not before."""
        self._beside.expect()

    @_moment
    def threads_set(self) -> None:
        """The number of threads was set, maybe to what it was."""
        self._note_threads({"place": call_site()})

    @_moment
    def workers_seeded(self, iterator: Any, base_seed: int) -> None:
        """The workers of a loader begin from a seed."""
        if self._writer is not None:
            self._note("worker-seed", {"loader": self._loaders.label_of(iterator), "seed": base_seed})

    @_moment
    def fetching(self, iterator: Any) -> None:
        """The next batch is asked for."""
        if self._on and self._writer is not None:
            self._beginnings(Phase.BEFORE_BATCH)
            self._read_generators(Phase.BEFORE_BATCH)

    @_moment
    def fetched(self, iterator: Any, batch: Any) -> None:
        """A batch has come."""
        self._phase = Phase.BATCH
        if not self._on or self._writer is None:
            return
        if "batch" in self._settings.record:
            rows = row_digests(batch, ROWS if self._parts else _SMALL_BATCH)
            self._event(Phase.BATCH, "batch", self._loaders.label_of(iterator), digest(batch), parts=rows)
        self._read_generators(Phase.BATCH)

    @_moment
    def loss(self, tensors: Sequence[torch.Tensor]) -> None:
        """A backward pass begins from these."""
        if not self._on or "loss" not in self._settings.record:
            return
        self._begin_file_and_step()
        self._beginnings(Phase.BATCH)
        value = _value(tensors[0]) if len(tensors) == 1 and tensors[0].numel() == 1 else None
        digests = [tensor_digest(tensor) for tensor in tensors]
        self._event(Phase.BATCH, "loss", "", digests[0] if len(digests) == 1 else digest(digests), value=value)
        self._loss = value

    @_moment
    def step_begins(self, optimizer: Optimizer, closure: Callable[..., Any] | None, frame: FrameType) -> bool:
        """An optimizer begins its step in a frame; return whether it is one of those that count.

        A step inside the step of another optimizer, as of one that wraps another, is part of that.
        """
        if self._inside_another(frame):
            return False
        self._running.append((optimizer, frame))
        self._begin_file_and_step()
        self._phase = Phase.GRADIENTS
        name, training = self._training(optimizer)
        if self._on:
            if self._parts:
                training.settle()
            self._settings_of(optimizer, name, training)
            if closure is None:
                self._gradients(name, training)
        return True

    @_moment
    def closure_ended(self, optimizer: Optimizer) -> None:
        """A closure that an optimizer calls to have the gradients made has returned."""
        if self._on and self._writer is not None:
            self._gradients(*self._training(optimizer))

    @_moment
    def step_ended(self, optimizer: Optimizer) -> None:
        """An optimizer has changed its parameters."""
        if not self._running or self._running[-1][0] is not optimizer:
            return
        self._running.pop()
        if self._on:
            name, training = self._training(optimizer)
            self._standing(Phase.STEPPED, optimizer, name, training)
            self._read_generators(Phase.STEPPED)
        self._end_step()

    @_moment
    def scaler_steps(self, scaler: Any) -> int:
        """A scaler is about to let its optimizer step, unless a gradient is not finite; return the steps so far."""
        self._scaler = weakref.ref(scaler)
        return self.step

    @_moment
    def scaler_stepped(self, scaler: Any, step: int | None) -> None:
        """A scaler has let its optimizer step, or not."""
        self._scaler = lambda: None
        if step == self.step and self._writer is not None:
            self._note("skipped", {"scale": _scale(scaler), "place": call_site()})

    def _inside_another(self, frame: FrameType) -> bool:
        # A step that ended with an exception has not said so.
        while self._running:
            outer = self._running[-1][1]
            caller = frame.f_back
            while caller is not None:
                if caller is outer:
                    return True
                caller = caller.f_back
            self._running.pop()
        return False

    def _training(self, optimizer: Optimizer) -> tuple[str, Training]:
        found = self._trainings.get(optimizer)
        if found is not None and found[1].is_current(optimizer):
            return found
        return self._introduce(optimizer, Phase.GRADIENTS, alive(), {})

    def _beginnings(self, phase: Phase) -> None:
        """Record what optimizers that were made since begin with, and what no optimizer trains."""
        found = alive() if self._made or self._beside.is_due(self.step) else None
        made, self._made = self._made, []
        for reference, place in made:
            if (optimizer := reference()) is not None and optimizer not in self._trainings:
                assert found is not None
                self._introduce(optimizer, phase, found, place)
        if found is not None:
            for name, kind in self._beside.look(found, self.step):
                self._note("untrained", {"name": name, "class": kind})
        for kind, name, record in self._beside.records(self.step, self._settings.record):
            self._record(phase, kind, name, record)

    def _introduce(
        self, optimizer: Optimizer, phase: Phase, found: Alive, place: dict[str, Any]
    ) -> tuple[str, Training]:
        known = self._trainings.get(optimizer)
        name = known[0] if known is not None else str(self._numbered)
        self._numbered += known is None
        training = Training(optimizer, found)
        self._trainings[optimizer] = name, training
        self._beside.expect(soon=True)
        self._note("optimizer", {"optimizer": name, **_described(optimizer), "place": place})
        self._note("model", {"optimizer": name, **training.model})
        if self._on:
            self._standing(phase, optimizer, name, training)
        return name, training

    def _settings_of(self, optimizer: Optimizer, name: str, training: Training) -> None:
        record, scaler = self._settings.record, self._scaler()
        if "scaler" in record and scaler is not None:
            self._event(Phase.GRADIENTS, "scaler", name, _scaler_digest(scaler), value=_scale(scaler))
        if "rates" in record:
            settings, rates = training.rates(optimizer)
            self._event(Phase.GRADIENTS, "rates", name, settings, value=rates)

    def _gradients(self, name: str, training: Training) -> None:
        if "gradients" in self._settings.record:
            self._record(Phase.GRADIENTS, "gradients", name, training.gradients())

    def _standing(self, phase: Phase, optimizer: Optimizer, name: str, training: Training) -> None:
        record = self._settings.record
        if "optimizer" in record:
            self._record(phase, "optimizer", name, training.state(optimizer))
        if "parameters" in record:
            self._record(phase, "parameters", name, training.parameters())
        if "buffers" in record:
            self._record(phase, "buffers", name, training.buffers())

    def _record(self, phase: Phase, kind: str, name: str, found: Record | None) -> None:
        if found is None:
            return
        assert self._writer is not None
        series = self._writer.series(kind, name)
        if found.layout is not None:
            self._writer.layout(series, self.step, found.layout)
        self._writer.event(self.step, phase, series, found.digest, parts=found.parts if self._parts else None)

    def _event(
        self, phase: Phase, kind: str, name: str, digest: bytes, *, value: Any = None, parts: bytes | None = None
    ) -> None:
        assert self._writer is not None
        self._writer.event(self.step, phase, self._writer.series(kind, name), digest, value=value, parts=parts)

    def _read_generators(self, phase: Phase) -> None:
        if self._on and "rng" in self._settings.record:
            for name, state, position in self._generators.read():
                self._event(phase, "rng", name, state, value=position)

    def _note(self, kind: str, value: Any) -> None:
        self._noted += 1
        if self._writer is not None and self._noted < _NOTES:
            self._writer.note(self.step, kind, value)
        elif self._noted < _EARLY:
            self._notes.append((self.step, kind, value))

    def _begin_file(self) -> bool:
        """Make the file if there is none; return whether it was made now."""
        if self._writer is not None:
            return False
        self._writer = open_writer(self._settings)
        if multiprocessing.parent_process() is not None:  # such a process ends without atexit
            Finalize(None, self.close, ("exit",), exitpriority=0)
        for note in self._notes:
            self._writer.note(*note)
        self._notes.clear()
        while self._seen:
            self._write_seen(self._seen.popleft())
        return True

    def _begin_file_and_step(self) -> None:
        if self._begin_file():
            self._generators.refresh()
            self._begin_step()

    def _begin_step(self) -> None:
        self._on = self.step % self._settings.every == 0
        self._parts, self._loss, self._phase = keeps_parts(self.step), None, Phase.BEFORE_BATCH
        self._note_threads({})
        if self._on and keeps_states(self.step) and "rng" in self._settings.record:
            assert self._writer is not None
            self._generators.refresh()
            for name, state in self._generators.states():
                self._writer.state(self.step, self._writer.series("rng", name), state)
        if self._settings.is_deep(self.step) and not self._is_observing:
            self._observe()

    def _note_threads(self, where: dict[str, Any]) -> None:
        if (threads := torch.get_num_threads()) != self._threads:
            self._threads = threads
            self._note("threads", {"intra_op": threads, "inter_op": torch.get_num_interop_threads(), **where})

    def _observe(self) -> None:
        self._deep.enter_context(observing(self._settings.level, self._observed))
        self._is_observing = True

    def _end_step(self) -> None:
        assert self._writer is not None
        if not self._settings.is_deep(self.step + 1):  # hooks that come and go would make a compiler compile anew
            self._deep.close()
            self._is_observing = False
        if self._on:
            self._writer.end_step(self.step, self._loss)
        self.step += 1
        self._begin_step()

    def _observed(self, found: Observation) -> None:
        """Record what level 2 or 3 saw."""
        if self.failed is not None or threading.get_ident() in self._busy:
            return
        if self._writer is None:  # there is no file before the first batch or step
            self._seen.append(found)
        else:
            self._write_seen(found)

    def _write_seen(self, found: Observation) -> None:
        self._event(self._phase, found.kind, found.name, found.digest, value=found.value, parts=found.parts)

    def _fail(self, error: Exception) -> None:
        self.failed = error
        text = f"{type(error).__name__}: {error}"
        sys.stderr.write(f"samerun: the trace ends at step {self.step}, because recording failed: {text}\n")
        self._deep.close()
        if self._writer is not None:
            self._writer.close(f"recording failed: {text}")


def _value(tensor: torch.Tensor) -> float | None:
    """Return a loss as a number, by an operation that no mode sees."""
    if tensor.is_meta or tensor.is_complex():
        return None
    if not torch._C._len_torch_dispatch_stack():
        return float(tensor.detach())
    with _disable_current_modes():
        return float(tensor.detach())


def _scale(scaler: Any) -> float:
    return float(scaler.get_scale())


def _scaler_digest(scaler: Any) -> bytes:
    held = (vars(scaler).get(name) for name in ("_scale", "_growth_tracker"))
    return xxh3_128_digest(b"".join(tensor_digest(part) for part in held if isinstance(part, torch.Tensor)))


def _described(optimizer: Optimizer) -> dict[str, Any]:
    groups = [
        {name: value for name, value in group.items() if name != "params"} | {"params": len(group["params"])}
        for group in optimizer.param_groups
    ]
    return {
        "class": f"{type(optimizer).__module__}.{type(optimizer).__qualname__}",
        "groups": groups,
        "defaults": dict(optimizer.defaults),
    }
