"""The same inputs gave another result on the same machine."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import COMPUTED, Evidence, operation_of, operation_site
from samerun.divergence.pairs import Pair
from samerun.divergence.words import subject
from samerun.tracing.format import Phase

__all__ = ["CAUSE"]

_ADVICE = "switch to deterministic algorithms: samerun.deterministic(), and torch.backends.cudnn.benchmark = False"


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair = evidence.pair
    if pair is None or evidence.environment or evidence.program or evidence.setup:
        return None
    if pair.series.kind == "op":
        return _operation(pair)
    if evidence.moved:
        return None
    stepped = pair.series.kind in ("parameters", "optimizer") and pair.phase == Phase.STEPPED
    if pair.series.kind not in COMPUTED and not (stepped and evidence.agrees_now("gradients")):
        return None
    seen = evidence.agrees_now("batch")
    known = seen and evidence.agrees("parameters", "rng")
    given = "batch, parameters and generators agreed" if known else "all that was recorded before agreed"
    return Diagnosis(
        "nondeterministic-kernel",
        f"an operation gave another result for the same inputs: the first difference is in "
        f"{subject(pair.series)}, although {given} and the environments are the same",
        _ADVICE,
        certain=known,
        details=("samerun explain finds the operation and its line",)
        + (() if seen else ("no batch was recorded: data that come without a DataLoader may differ too",)),
    )


def _operation(pair: Pair) -> Diagnosis | None:
    """Look at the inputs of the first operation whose result differs (level 3)."""
    if pair.first is None or pair.second is None:
        return None
    ours, theirs = operation_of(pair.first), operation_of(pair.second)
    if ours is None or theirs is None:
        return None
    inputs = [event.part_digests()[told["outputs"] :] for event, told in ((pair.first, ours), (pair.second, theirs))]
    if inputs[0] != inputs[1] or ours.get("arguments") != theirs.get("arguments") or ours.get("drew"):
        return None
    module = f" in module {ours['module']}" if ours.get("module") else ""
    return Diagnosis(
        "nondeterministic-kernel",
        f"{pair.series.name}{module} gave another result for the same inputs",
        _ADVICE,
        operation_site(pair.first),
        certain=bool(inputs[0]),
    )


CAUSE = Cause("nondeterministic-kernel", 160, _diagnose)
