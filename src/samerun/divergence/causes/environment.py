"""Another environment, other code, another configuration."""

from __future__ import annotations

from samerun.divergence.causes.diagnosis import Cause, Diagnosis
from samerun.divergence.evidence import Evidence
from samerun.divergence.sources import changed_line
from samerun.divergence.words import change, listed, subject

__all__ = ["CAUSE"]

# What changes results most often comes first.
_FIRST = ("packages.torch", "packages.numpy", "flags.", "variables.", "gpu.", "python.version", "packages.")


def _diagnose(evidence: Evidence) -> Diagnosis | None:
    pair = evidence.pair
    hash_seed = [found for found in evidence.environment if found.name == "python.hash_seed"]
    environment = sorted((found for found in evidence.environment if found not in hash_seed), key=_rank)
    # A model or an optimizer may be another one because of a flag, such as the default dtype.
    flags = [found for found in environment if found.name.startswith("flags.")]
    found = [*evidence.program, *flags, *evidence.setup, *(entry for entry in environment if entry not in flags)]
    if pair is None or not found:
        return None
    return Diagnosis(
        "environment",
        f"the runs were not set up alike, which may explain {subject(pair.series)}: {listed([c.name for c in found])}",
        "make these the same and compare again, or let samerun explain find the line",
        changed_line(*evidence.traces) if evidence.program else None,
        certain=False,
        details=tuple(map(change, found[:6])),
    )


def _rank(found: object) -> int:
    name = getattr(found, "name", "")
    return next((rank for rank, beginning in enumerate(_FIRST) if name.startswith(beginning)), len(_FIRST))


CAUSE = Cause("environment", 170, _diagnose)
