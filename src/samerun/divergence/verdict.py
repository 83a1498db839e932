"""What comes out of comparing two runs: where they differ, why, and what else differs around them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samerun.divergence.causes.diagnosis import Diagnosis
from samerun.divergence.causes.registry import diagnose
from samerun.divergence.compare import Comparison, RunComparison, compare_runs
from samerun.divergence.evidence import Evidence
from samerun.divergence.pairs import Pair
from samerun.tracing.reader import Event, Series

__all__ = ["Finding", "Verdict", "judge"]


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What was found in one process.

    Attributes:
        comparison: where the two traces differ.
        evidence: what is known about it.
        diagnoses: the causes that explain it, the best first; empty if nothing differs.
    """

    comparison: Comparison
    evidence: Evidence
    diagnoses: tuple[Diagnosis, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        found = self.comparison
        return {
            "process": found.process,
            "same": found.same,
            "offset": found.alignment.offset,
            "aligned_by": found.alignment.by,
            "ends": list(found.ends),
            "finished": [trace.finished for trace in self.evidence.traces],
            "divergence": None if found.divergence is None else _pair(found.divergence),
            "agreed": [_series(series) for series in found.agreed()],
            "later": [_pair(pair) for pair in found.later.values()],
            "diagnoses": [_diagnosis(diagnosis) for diagnosis in self.diagnoses],
            "left_out": [{**_series(series), "only_in": side} for series, side in found.pairing.left_out.items()],
            "idle": [_series(series) for series in sorted(found.pairing.idle)],
            "environment": [
                {"name": change.name, "first": change.first, "second": change.second}
                for change in (*self.evidence.program, *self.evidence.setup, *self.evidence.environment)
            ],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What was found in all processes of two runs.

    Attributes:
        run: the comparison of the runs.
        findings: for each process that both have.
        worst: the one with the earliest difference.
    """

    run: RunComparison
    findings: tuple[Finding, ...]
    worst: Finding

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.run.same

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        left_out: Mapping[str, int] = self.run.left_out
        return {
            "same": self.same,
            "traces": [str(trace.path) for trace in self.worst.evidence.traces],
            "first": self.worst.comparison.process,
            "processes": [finding.as_json() for finding in self.findings],
            "processes_left_out": [{"process": name, "only_in": side} for name, side in left_out.items()],
        }

    def close(self) -> None:
        """Close all files."""
        self.run.close()

    def __enter__(self) -> Verdict:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def judge(first: str | Path, second: str | Path, *, ignore: Collection[str] = (), offset: int | None = None) -> Verdict:
    """Compare two runs and name the causes; the result reads from the files until it is closed.

    Args:
        first: the trace of rank 0, or of the only process, of a run.
        second: the same of another.
        ignore: what may differ: ``KIND`` or ``KIND:NAME``, where the name may have ``*`` and ``?``.
        offset: added to a step of the second run to get that of the first; found by itself if not given.

    Raises:
        TraceError: if a file cannot be read, or they have no step in common.
    """
    run = compare_runs(Path(first), Path(second), ignore=ignore, offset=offset)
    try:
        findings = tuple(_find(comparison) for comparison in run.processes)
    except BaseException:
        run.close()
        raise
    worst = next(finding for finding in findings if finding.comparison is run.worst)
    return Verdict(run, findings, worst)


def _find(comparison: Comparison) -> Finding:
    evidence = Evidence(comparison)
    return Finding(comparison, evidence, diagnose(evidence))


def _series(series: Series) -> dict[str, str]:
    return {"kind": series.kind, "name": series.name}


def _pair(pair: Pair) -> dict[str, Any]:
    place = {"step": pair.step, "phase": int(pair.phase), "nth": pair.nth, **_series(pair.series)}
    return {**place, "first": _event(pair.first), "second": _event(pair.second)}


def _event(event: Event | None) -> dict[str, Any] | None:
    return None if event is None else {"digest": event.digest.hex(), "value": event.value}


def _diagnosis(found: Diagnosis) -> dict[str, Any]:
    return {
        "cause": found.cause,
        "sentence": found.sentence,
        "advice": found.advice,
        "page": found.page,
        "place": None if found.place is None else found.place._asdict(),
        "certain": found.certain,
        "details": list(found.details),
    }
