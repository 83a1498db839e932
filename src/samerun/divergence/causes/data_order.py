"""The samples come in another order."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence
from samerun.divergence.words import change

__all__ = ["CAUSE"]


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    found = evidence.batches
    if found is None or found.how not in ("within", "order"):
        return None
    if found.how == "within":
        sentence = "the batch has the same samples in another order"
    elif found.elsewhere is not None:
        sentence = f"the batch of {evidence.labels[1]} is that of step {found.elsewhere} in {evidence.labels[0]}"
    else:
        sentence = f"{found.found} of the {found.sizes[1]} samples come in other batches in {evidence.labels[0]}"
    changes = [change(found) for found in evidence.setup if found.name.startswith("loader")]
    return Diagnosis(
        "data-order",
        f"the data come in another order: {sentence}",
        "let the order depend on a seed and the epoch alone: samerun.DataLoader, or a sampler with a seeded generator=",
        evidence.loader_place(1),
        details=tuple(changes[:4]),
    )


CAUSE = Cause("data-order", 130, _diagnose)
