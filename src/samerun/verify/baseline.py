"""Differences that are known and accepted, by the names of their trials, in a file that is kept with the code."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from samerun.errors import VerifyError
from samerun.verify.outcome import Outcome, Report

__all__ = ["accept", "no_longer", "read", "write"]

_KEY = "accepted"


def read(path: Path) -> tuple[str, ...]:
    """Return the names in a baseline.

    Raises:
        VerifyError: if the file is not there, or is no baseline.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise VerifyError(str(path), "is not there; write one with --write-baseline") from error
    except ValueError as error:
        raise VerifyError(str(path), f"is no JSON: {error}") from error
    names = found.get(_KEY) if isinstance(found, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise VerifyError(str(path), f'is no baseline, which is {{"{_KEY}": ["scenario: trial", ...]}}')
    return tuple(names)


def write(path: Path, report: Report) -> tuple[str, ...]:
    """Write the names of all trials that differ into a file, and return them."""
    names = tuple(outcome.name for outcome in report.outcomes if outcome.status == "differs")
    path.write_text(json.dumps({_KEY: names}, indent=2) + "\n", encoding="utf-8")
    return names


def accept(report: Report, names: Collection[str]) -> Report:
    """Return a report in which differences are accepted: those of a trial, or of a scenario, that is named."""
    outcomes = (
        replace(outcome, accepted=True) if outcome.status == "differs" and _is_named(outcome, names) else outcome
        for outcome in report.outcomes
    )
    return replace(report, outcomes=tuple(outcomes))


def no_longer(report: Report, names: Collection[str]) -> tuple[str, ...]:
    """Return the names whose scenario was tried, and that no difference has any more."""
    tried = {outcome.scenario for outcome in report.outcomes if outcome.status in ("same", "differs", "environment")}
    differing = [outcome for outcome in report.outcomes if outcome.status == "differs"]
    return tuple(
        name
        for name in names
        if name.partition(": ")[0] in tried and not any(_is_named(outcome, (name,)) for outcome in differing)
    )


def _is_named(outcome: Outcome, names: Collection[str]) -> bool:
    return outcome.name in names or outcome.scenario in names
