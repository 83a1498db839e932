"""What is recorded at each moment of a step, whoever calls it at that moment."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Any

import torch
from torch.optim import Optimizer
from torch.utils.data import get_worker_info
from xxhash import xxh3_128_digest

from samerun.tracing.away import Away
from samerun.tracing.beside import Beside
from samerun.tracing.callsite import call_site
from samerun.tracing.deep import Observation, observing
from samerun.tracing.fingerprint import ROWS, digest, held_digest, row_digests
from samerun.tracing.format import Phase
from samerun.tracing.generators import Generators
from samerun.tracing.later import Later, combined
from samerun.tracing.loaders import Loaders
from samerun.tracing.log import Log
from samerun.tracing.moment import Watcher, moment
from samerun.tracing.optimizers import Optimizers
from samerun.tracing.owners import Alive, alive
from samerun.tracing.settings import Settings, keeps_states
from samerun.tracing.training import Training
from samerun.tracing.writer import Writer

__all__ = ["Recorder"]

# The rows of batches up to this size are recorded at each step, those of larger ones where other parts are.
_SMALL_BATCH = 64
# The tensors that a scaler has from its first loss on.
_SCALER = ("_scale", "_growth_tracker")


class Recorder(Watcher):
    """Records one process into one file, which is made at its first batch or optimizer step.

    Args:
        settings: what is recorded.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reset()

    def _reset(self) -> None:
        super().__init__()
        self._log = Log(self._settings)
        self._generators = Generators()
        self._loaders = Loaders()
        self._away = Away()
        self._optimizers = Optimizers(self._away)
        self._beside = Beside(self._away)
        self._scaler: Callable[[], Any] = lambda: None
        self._loss: float | Later[float] | None = None
        self._threads = 0
        self._on = True
        self._deep = ExitStack()
        self._is_observing = False

    @property
    def step(self) -> int:
        """How many optimizer steps are behind."""
        return self._log.step

    @property
    def writer(self) -> Writer | None:
        """Of this process; ``None`` before its first batch or step."""
        return self._log.writer

    def close(self, reason: str) -> None:
        """Write the rest and why the run ended."""
        atexit.unregister(self.ends)
        self._deep.close()
        self._log.close(reason)

    @moment
    def ends(self) -> None:
        """The run is over: no step will tell any more what was changed after the last one, such as an average."""
        if self.writer is None:
            return
        self._beginnings(Phase.BEFORE_BATCH)
        for optimizer, name, training in self._optimizers.introduced():
            self._standing(Phase.BEFORE_BATCH, optimizer, name, training)

    def watch(self) -> None:
        """Observe what happens before the first batch or step as levels 2 and 3 do, if they are for the first step."""
        if self._settings.is_deep(0) and multiprocessing.parent_process() is None:
            self._observe()

    def in_child(self) -> None:
        """Begin anew in a process that was forked, which makes a file of its own if it trains."""
        step = self.step
        self._deep.close()
        self._reset()
        self._log.note("forked", {"parent": os.getppid(), "step": step})

    @moment
    def note(self, kind: str, value: Any) -> None:
        """Record something that happened."""
        self._log.note(kind, value)

    @moment
    def pass_begins(self, iterator: Any, loader: Any) -> None:
        """A loader was asked for an iterator; no generator has drawn for it yet."""
        if get_worker_info() is not None:
            return
        first = self._begin_file()
        label, other, described = self._loaders.begin(iterator, loader)
        place = call_site()
        if described is not None:
            self._log.note("loader", {**described, "place": place})
        if other and (problem := self._generators.look_into(label, loader)) is not None:
            self._log.note("generators", {"loader": label, "problem": problem})
        self._log.note("iter", {"loader": label, "place": place})
        self._generators.refresh()
        if first:
            self._begin_step()
        self._read_generators(Phase.BEFORE_BATCH)

    @moment
    def loader_made(self, loader: Any) -> None:
        """There is a loader."""
        self._loaders.made(loader, call_site())

    @moment
    def optimizer_made(self, optimizer: Optimizer) -> None:
        """There is an optimizer; what it begins with is recorded before the next batch or the next backward pass."""
        self._optimizers.made(optimizer, call_site())

    def modules_made(self) -> None:
        """There may be modules that there were not before."""
        self._beside.expect()

    @moment
    def threads_set(self) -> None:
        """The number of threads was set, maybe to what it was."""
        self._note_threads({"place": call_site()})

    @moment
    def workers_seeded(self, iterator: Any, base_seed: int) -> None:
        """The workers of a loader begin from a seed."""
        if self.writer is not None:
            self._log.note("worker-seed", {"loader": self._loaders.label_of(iterator), "seed": base_seed})

    @moment
    def fetching(self, iterator: Any) -> None:
        """The next batch is asked for."""
        if self._on and self.writer is not None:
            self._beginnings(Phase.BEFORE_BATCH)
            self._read_generators(Phase.BEFORE_BATCH)

    @moment
    def fetched(self, iterator: Any, batch: Any) -> None:
        """A batch has come."""
        self._log.phase = Phase.BATCH
        if not self._on or self.writer is None:
            return
        if "batch" in self._settings.record:
            hold = self._away.once()
            rows = row_digests(batch, ROWS if self._log.keeps_parts else _SMALL_BATCH, hold)
            found = held_digest(batch, hold)
            self._log.event(Phase.BATCH, "batch", self._loaders.label_of(iterator), found, parts=rows)
        self._read_generators(Phase.BATCH)

    @moment
    def loss(self, tensors: Sequence[torch.Tensor]) -> None:
        """A backward pass begins from these."""
        if not self._on or "loss" not in self._settings.record:
            return
        self._begin_file_and_step()
        self._beginnings(Phase.BATCH)
        only = tensors[0] if len(tensors) == 1 and tensors[0].numel() == 1 else None
        value = None if only is None or only.is_meta or only.is_complex() else self._away.number(only)
        self._loss = None if value is None else combined([value], _as_float)
        digests = [held_digest(tensor, self._away.once()) for tensor in tensors]
        found = digests[0] if len(digests) == 1 else combined(digests, digest)
        self._log.event(Phase.BATCH, "loss", "", found, value=self._loss)

    @moment
    def step_begins(self, optimizer: Optimizer, closure: Callable[..., Any] | None, frame: FrameType) -> bool:
        """An optimizer begins its step in a frame; return whether it is one of those that count.

        A step inside the step of another optimizer, as of one that wraps another, is part of that.
        """
        if not self._optimizers.begins(optimizer, frame):
            return False
        self._begin_file_and_step()
        self._log.phase = Phase.GRADIENTS
        name, training = self._training(optimizer)
        if self._on:
            if self._log.keeps_parts:
                training.settle()
            self._settings_of(optimizer, name, training)
            if closure is None:
                self._gradients(name, training)
        return True

    @moment
    def closure_ended(self, optimizer: Optimizer) -> None:
        """A closure that an optimizer calls to have the gradients made has returned."""
        if self._on and self.writer is not None:
            self._gradients(*self._training(optimizer))

    @moment
    def step_ended(self, optimizer: Optimizer) -> None:
        """An optimizer has changed its parameters."""
        if not self._optimizers.ended(optimizer):
            return
        if self._on:
            name, training = self._training(optimizer)
            self._standing(Phase.STEPPED, optimizer, name, training)
            self._read_generators(Phase.STEPPED)
        self._end_step()

    @moment
    def scaler_steps(self, scaler: Any) -> int:
        """A scaler is about to let its optimizer step, unless a gradient is not finite; return the steps so far."""
        self._scaler = weakref.ref(scaler)
        return self.step

    @moment
    def scaler_stepped(self, scaler: Any, step: int | None) -> None:
        """A scaler has let its optimizer step, or not."""
        self._scaler = lambda: None
        if step == self.step and self.writer is not None:
            self._log.note("skipped", {"scale": _scale(scaler), "place": call_site()})

    def _training(self, optimizer: Optimizer) -> tuple[str, Training]:
        return self._optimizers.known(optimizer) or self._introduce(optimizer, Phase.GRADIENTS, alive(), {})

    def _beginnings(self, phase: Phase) -> None:
        """Record what optimizers that were made since begin with, and what no optimizer trains."""
        found = alive() if self._optimizers.are_new or self._beside.is_due(self.step) else None
        if found is not None:
            for optimizer, place in self._optimizers.new():
                self._introduce(optimizer, phase, found, place)
            for name, kind in self._beside.look(found, self.step):
                self._log.note("untrained", {"name": name, "class": kind})
        for kind, name, record in self._beside.records(self.step, self._settings.record):
            self._log.record(phase, kind, name, record)

    def _introduce(
        self, optimizer: Optimizer, phase: Phase, found: Alive, place: dict[str, Any]
    ) -> tuple[str, Training]:
        name, training = self._optimizers.introduce(optimizer, found)
        self._beside.expect(soon=True)
        self._log.note("optimizer", {"optimizer": name, **_described(optimizer), "place": place})
        self._log.note("model", {"optimizer": name, **training.model})
        if self._on:
            self._standing(phase, optimizer, name, training)
        return name, training

    def _settings_of(self, optimizer: Optimizer, name: str, training: Training) -> None:
        record, scaler = self._settings.record, self._scaler()
        if "scaler" in record and scaler is not None:
            held = [part for part in map(vars(scaler).get, _SCALER) if isinstance(part, torch.Tensor)]
            found = combined([held_digest(part, self._away.once()) for part in held], _joined)
            scale = combined([self._away.number(held[0])], _as_float) if held else _scale(scaler)
            self._log.event(Phase.GRADIENTS, "scaler", name, found, value=scale)
        if "rates" in record:
            settings, rates = training.rates(optimizer)
            self._log.event(Phase.GRADIENTS, "rates", name, settings, value=rates)

    def _gradients(self, name: str, training: Training) -> None:
        if "gradients" in self._settings.record:
            self._log.record(Phase.GRADIENTS, "gradients", name, training.gradients())

    def _standing(self, phase: Phase, optimizer: Optimizer, name: str, training: Training) -> None:
        record = self._settings.record
        if "optimizer" in record:
            self._log.record(phase, "optimizer", name, training.state(optimizer))
        if "parameters" in record:
            self._log.record(phase, "parameters", name, training.parameters())
        if "buffers" in record:
            self._log.record(phase, "buffers", name, training.buffers())

    def _read_generators(self, phase: Phase) -> None:
        if self._on and "rng" in self._settings.record:
            for name, state, position in self._generators.read():
                self._log.event(phase, "rng", name, state, value=position)

    def _begin_file(self) -> bool:
        if not self._log.begin():
            return False
        atexit.register(self.ends)  # before the file, which was made first, is closed
        return True

    def _begin_file_and_step(self) -> None:
        if self._begin_file():
            self._generators.refresh()
            self._begin_step()

    def _begin_step(self) -> None:
        self._on = self.step % self._settings.every == 0
        self._loss, self._log.phase = None, Phase.BEFORE_BATCH
        self._note_threads({})
        if self._on and keeps_states(self.step) and "rng" in self._settings.record:
            self._generators.refresh()
            for name, state in self._generators.states():
                self._log.state(name, state)
        if self._settings.is_deep(self.step) and not self._is_observing:
            self._observe()

    def _note_threads(self, where: dict[str, Any]) -> None:
        if (threads := torch.get_num_threads()) != self._threads:
            self._threads = threads
            self._log.note("threads", {"intra_op": threads, "inter_op": torch.get_num_interop_threads(), **where})

    def _observe(self) -> None:
        self._deep.enter_context(observing(self._settings.level, self._observed))
        self._is_observing = True

    def _end_step(self) -> None:
        if not self._settings.is_deep(self.step + 1):  # hooks that come and go would make a compiler compile anew
            self._deep.close()
            self._is_observing = False
        if self._on:
            self._log.end_step(self._loss)
        self._log.step += 1
        self._begin_step()

    def _observed(self, found: Observation) -> None:
        """Record what level 2 or 3 saw."""
        if not self.is_deaf:
            self._log.observed(found)

    def fail(self, error: Exception) -> None:
        """Say so, and write down why the recording ended."""
        text = f"{type(error).__name__}: {error}"
        sys.stderr.write(f"samerun: the trace ends at step {self.step}, because recording failed: {text}\n")
        self.close(f"recording failed: {text}")


def _as_float(found: list[Any]) -> float:
    return float(found[0])


def _joined(digests: list[bytes]) -> bytes:
    return xxh3_128_digest(b"".join(digests))


def _scale(scaler: Any) -> float:
    return float(scaler.get_scale())


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
