"""Reports of ``samerun verify`` made by hand."""

from __future__ import annotations

from typing import Any

from samerun.verify.outcome import Outcome, Report, Resumption

ENVIRONMENT: dict[str, Any] = {
    "python": {"version": "3.11.7"},
    "platform": {"system": "Linux", "release": "6.1", "machine": "x86_64"},
    "cpu": {"model": "AMD EPYC"},
    "threads": {"intra_op": 2},
    "gpu": {},
    "git": {"commit": "0123456789abcdef0123", "dirty": True},
    "packages": {"torch": "2.13.0", "numpy": "2.4.6", "samerun": "0.1.0"},
}

SAME = Outcome("repeat", "again", "same")
WORKERS = Outcome("workers", "1 worker", "same"), Outcome("workers", "2 workers", "same")
DIFFERS = Outcome(
    "workers",
    "3 workers, persistent",
    "differs",
    step=1208,
    what="the batch, from the batch to the backward pass",
    cause="data-order",
    reason="The data come in another order: 8 of the 8 samples come in other batches in the first run.",
    place="train.py:7 in <module>",
    advice="let the order depend on a seed: `samerun.DataLoader`",
    notes=("num_workers: 0 and 3",),
)
ENVIRONMENTAL = Outcome(
    "threads",
    "1 thread",
    "environment",
    step=3,
    what="the loss, when the optimizer began its step",
    cause="threads",
    reason="Another number of threads adds numbers in another order.",
    advice="pin the number of threads: `torch.set_num_threads(1)`",
)
FAILED = Outcome(
    "order",
    "shuffled listings",
    "failed",
    cause="exit-code",
    reason="it ended with exit code 1: \x1b[31mValueError: 100% <wrong>\x1b[0m",
    notes=("Traceback",),
)
SKIPPED = Outcome("save", "-", "skipped", reason="it saves nothing")
WENT_ON = Outcome(
    "interrupt",
    "SIGKILL in mid-epoch",
    "same",
    resumptions=(Resumption(12, in_save=False, start=10),),
)
TWICE = Outcome(
    "interrupt",
    "SIGKILL twice in one epoch",
    "same",
    resumptions=(Resumption(12, in_save=False, start=10), Resumption(14, in_save=True, start=0)),
)
ANEW = Outcome("interrupt", "SIGTERM after the first step", "same", resumptions=(Resumption(1, False, 0),))
ALL = (SAME, FAILED, *WORKERS, DIFFERS, ENVIRONMENTAL, SKIPPED, WENT_ON, TWICE)


def report(*outcomes: Outcome) -> Report:
    return Report("python train.py", outcomes, 24, 3.8, 11.5, ENVIRONMENT)
