"""What is left: the traces do not tell the cause, and what to record to know it."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence, operation_site
from samerun.divergence.words import generator, subject
from samerun.tracing.format import Phase

__all__ = ["CAUSE"]


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair = evidence.pair
    if pair is None:
        return None
    explain = f"record this step in full: samerun explain {' '.join(str(trace.path) for trace in evidence.traces)}"
    place = operation_site(pair.second or pair.first)
    return Diagnosis("unknown", _known(evidence), explain, place, certain=False, details=_missing(evidence))


def _known(evidence: Evidence) -> str:
    pair = evidence.pair
    assert pair is not None
    if pair.first is None or pair.second is None:
        side = 0 if pair.second is None else 1
        return f"only {evidence.labels[side]} has {subject(pair.series)} ({pair.series.name}) in step {pair.step}"
    if evidence.moved:
        name = generator(evidence.moved[0].series.name)
        return f"{name} is in another state, and no number of draws that was tried leads from one to the other"
    if pair.series.kind == "op":
        return f"the first difference is in {subject(pair.series)}, which was made from something outside of torch"
    return f"the first difference is in {subject(pair.series)}, although all that was recorded before it agreed"


def _missing(evidence: Evidence) -> tuple[str, ...]:
    """Return what was not recorded and would tell more."""
    pair = evidence.pair
    assert pair is not None
    kinds = {series.kind for series in evidence.comparison.pairing.compared}
    missing = [kind for kind in ("rng", "batch", "parameters", "gradients", "rates") if kind not in kinds]
    found = [f"not recorded in both: {', '.join(missing)}"] if missing else []
    if pair.series.kind == "batch" and evidence.batches is None:
        found.append("the digests of the samples were not recorded for this batch")
    if pair.series.kind == "parameters" and pair.phase == Phase.STEPPED and "gradients" in missing:
        found.append("gradients would tell whether the step or what came before it differs")
    return tuple(found)


CAUSE = Cause("unknown", 999, _diagnose)
