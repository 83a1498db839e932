"""Synthetic traces: the events of a small training, with whatever is planted in them."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from samerun.tracing.format import Phase
from samerun.tracing.writer import Writer

__all__ = ["Content", "digest", "record", "rows"]

#: What happens in a step: (phase, kind, name) in order of execution.
EVENTS = (
    (Phase.BEFORE_BATCH, "rng", "numpy"),
    (Phase.BEFORE_BATCH, "rng", "torch.cpu"),
    (Phase.BATCH, "batch", ""),
    (Phase.BATCH, "rng", "torch.cpu"),
    (Phase.GRADIENTS, "loss", ""),
    (Phase.GRADIENTS, "gradients", ""),
    (Phase.GRADIENTS, "rates", ""),
    (Phase.STEPPED, "parameters", ""),
    (Phase.STEPPED, "buffers", ""),
    (Phase.STEPPED, "optimizer", ""),
    (Phase.STEPPED, "rng", "torch.cpu"),
)

#: What stands in an event: (step, phase, kind, name) -> anything; equal values give equal digests.
Content = Callable[[int, int, str, str], Any]


def digest(*what: object, size: int = 16) -> bytes:
    """Return a digest of values by their text."""
    return blake2b(repr(what).encode(), digest_size=size).digest()


def rows(*samples: object) -> bytes:
    """Return the parts of a batch of these samples."""
    return b"".join(digest("row", sample, size=8) for sample in samples)


def plain(step: int, phase: int, kind: str, name: str) -> Any:
    """Return what stands in the events of a training without a fault."""
    if kind in ("rates", "buffers") or name == "numpy":
        return kind
    moment = step if kind != "rng" else (step, 0 if phase < Phase.GRADIENTS else 1)
    return kind, moment


def record(
    path: Path,
    content: Content = plain,
    *,
    steps: range = range(20),
    start: int = 0,
    batches: Callable[[int], tuple[object, ...]] | None = None,
    notes: tuple[tuple[int, str, Any], ...] = (),
    later: tuple[tuple[int, str, Any], ...] = (),
    events: tuple[tuple[int, str, str], ...] = EVENTS,
    initial: object = "parameters",
    loaded: tuple[str, ...] = ("parameters", "optimizer", "buffers"),
    meta: dict[str, Any] | None = None,
    values: Callable[[int, str], Any] = lambda step, kind: None,
    parts: Callable[[int, str], bytes | None] = lambda step, kind: None,
    layouts: dict[str, list[tuple[str, str, list[int]]]] | None = None,
    finished: str | None = "end",
) -> Path:
    """Write a trace.

    Args:
        path: the file.
        content: what stands in the events, by the number of the step in the whole training.
        steps: of the whole training.
        start: the number of the whole training that is this file's step 0.
        batches: the samples in the batch of a step; the content of batches is made of them.
        notes: step, kind, value; written before the events of the step.
        later: the same, written behind them.
        events: what happens in a step.
        initial: the parameters before the first step; of a resumed run those of the step before.
        loaded: what a resumed run has from the step before; of a run from the start only the first.
        meta: what stands in ``meta``.
        values: the figure of an event, by step and kind.
        parts: the digests of an event's parts.
        layouts: what the parts are.
        finished: how it ended; ``None`` for a kill.
    """
    writer = Writer(path, meta or {})
    for kind, layout in (layouts or {}).items():
        writer.layout(writer.series(kind, ""), 0, layout)
    for step in steps:
        here = step - start
        for at, kind, value in notes:
            if at == here:
                writer.note(here, kind, value)
        for phase, kind, name in events:
            if (phase, kind) == (Phase.BATCH, "batch") and step == steps[0] and initial is not None:
                for what in loaded if start else loaded[:1]:
                    known = content(step - 1, Phase.STEPPED, what, "") if start else initial
                    number = writer.series(what, "")
                    part = parts(step - 1, what)
                    writer.event(here, Phase.BEFORE_BATCH, number, digest(known), parts=part)
            samples = batches(step) if batches and kind == "batch" else None
            what = content(step, phase, kind, name) if samples is None else samples
            part = parts(step, kind) if samples is None else rows(*samples)
            number = writer.series(kind, name)
            writer.event(here, phase, number, digest(what), value=values(step, kind), parts=part)
        for at, kind, value in later:
            if at == here:
                writer.note(here, kind, value)
        writer.end_step(here, loss=values(step, "loss"))
    if finished is None:
        writer.commit()
    else:
        writer.close(finished)
    return path
