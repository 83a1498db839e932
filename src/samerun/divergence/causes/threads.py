"""Another number of threads, another processor or instruction set computes sums in another order."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import COMPUTED, Evidence, place_of
from samerun.divergence.words import change, subject
from samerun.tracing.format import Phase
from samerun.tracing.reader import Series

__all__ = ["CAUSE"]

_THREADS = (
    "threads.intra_op",
    "variables.OMP_NUM_THREADS",
    "variables.MKL_NUM_THREADS",
    "variables.OPENBLAS_NUM_THREADS",
)
_MACHINE = (
    *("cpu.torch_capability", "cpu.model", "cpu.numpy_features", "blas.", "platform.machine"),
    *(
        "variables.ATEN_CPU_CAPABILITY",
        "variables.DNNL_MAX_CPU_ISA",
        "variables.ONEDNN_MAX_CPU_ISA",
        "variables.MKL_CBWR",
    ),
)


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair = evidence.pair
    if pair is None or evidence.moved or not (pair.series.kind in COMPUTED or _computed_item(evidence)):
        return None
    threads, machine = evidence.changed(*_THREADS), evidence.changed(*_MACHINE)
    noted = evidence.extra_notes("threads", "intra_op")
    if not (threads or machine or noted[0] or noted[1]):
        return None
    what = "another number of threads adds" if threads or noted[0] or noted[1] else "other instructions add"
    numbers = [notes[-1].value.get("intra_op") if notes else None for notes in noted]
    details = [change(found) for found in (*threads, *machine)]
    if None not in numbers:
        details.insert(0, f"threads of torch: {numbers[0]} and {numbers[1]}")
    return Diagnosis(
        "threads",
        f"{what} numbers in another order: equal inputs gave other bits in {subject(pair.series)}",
        "use the same number of threads and the same kind of processor: samerun.deterministic(threads=1), or pin both",
        next((found for notes in noted[::-1] if notes and (found := place_of(notes[-1]))), None),
        details=tuple(dict.fromkeys(details))[:4],
    )


def _computed_item(evidence: Evidence) -> bool:
    """Return whether the batch differs in what its samples are, or the weights although they were drawn alike."""
    if evidence.batches is not None:
        return evidence.batches.how == "content"
    pair = evidence.pair
    if pair is None or pair.series.kind != "parameters" or pair.phase == Phase.STEPPED or evidence.resumed is not None:
        return False
    seeds = [[note.value.get("value") for note in evidence.seeds(side, "torch.cpu")] for side in (0, 1)]
    loads = evidence.notes(0, "load") or evidence.notes(1, "load")
    return seeds[0] == seeds[1] and not loads and evidence.initial_draws(Series("rng", "torch.cpu")) == 0


CAUSE = Cause("threads", 95, _diagnose)
