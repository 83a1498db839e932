"""Where two traced runs first differ, and why."""

from samerun.divergence.causes.diagnosis import Diagnosis
from samerun.divergence.verdict import Finding, Verdict, judge

__all__ = ["Diagnosis", "Finding", "Verdict", "judge"]
