"""How outcomes are told: what all reports say alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from samerun.divergence.causes.registry import all_causes
from samerun.divergence.words import count
from samerun.verify.outcome import Outcome, Report, Resumption, Status

__all__ = [
    "ANEW",
    "VERDICTS",
    "Row",
    "advice_to_resume",
    "difference",
    "headline",
    "page",
    "resumed",
    "rows",
    "surroundings",
    "verdict",
]

VERDICTS: dict[Status, str] = {
    "same": "same",
    "differs": "differs",
    "environment": "depends on the environment",
    "failed": "could not run",
    "skipped": "not tried",
}
#: What is said of a script that was killed and never went on from a save.
ANEW = "nothing was resumed; each time it was killed, it began anew"
_GO_ON = (
    "save parameters, optimizer, generators and the place in the data, and load them when the script is started again,"
    " as samerun.Run does; if that takes another command, name it: --resume-cmd"
)
# Characters of a git commit that are shown.
_COMMIT = 10


@dataclass(frozen=True, slots=True)
class Row:
    """Trials of one scenario that came out alike."""

    outcomes: tuple[Outcome, ...]

    @property
    def first(self) -> Outcome:
        """The first of them."""
        return self.outcomes[0]

    @property
    def tried(self) -> str:
        """What was tried, in a few words."""
        labels = [outcome.trial for outcome in self.outcomes]
        return ", ".join(labels) if len(labels) < _MANY else f"{len(labels)} trials"


# So many labels in a row are too many to read.
_MANY = 3


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """Return outcomes in rows: those of a scenario that came out alike share one."""
    found: dict[tuple[object, ...], list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault((outcome.scenario, verdict(outcome), outcome.cause, outcome.place), []).append(outcome)
    return [Row(tuple(alike)) for alike in found.values()]


def verdict(outcome: Outcome) -> str:
    """Return how a trial came out."""
    return f"{VERDICTS[outcome.status]}, accepted" if outcome.accepted else VERDICTS[outcome.status]


def difference(outcome: Outcome, *, moment: bool = True) -> str:
    """Return step and name of the first difference, and when in the step it was; empty if there is none."""
    what = outcome.what if moment else outcome.what.partition(", ")[0]
    return ": ".join(filter(None, ["" if outcome.step is None else f"step {outcome.step:,}", what]))


def resumed(resumptions: Sequence[Resumption]) -> str:
    """Return where processes were killed and where the next ones went on."""
    return "; ".join(map(_resumption, resumptions))


def _resumption(found: Resumption) -> str:
    where = f"killed{' in a save' * found.in_save} after {count(found.died + found.ignored, 'step')}"
    if found.ignored:
        where += f", {found.ignored:,} of them in spite of SIGTERM"
    return f"{where}, {f'went on from step {found.start:,}' if found.start else 'began anew'}"


def advice_to_resume(report: Report) -> str:
    """Return what to do where a script began anew each time it was killed; empty if it did not, or never was.

    What came out differently has advice of its own.
    """
    killed = {outcome.scenario for outcome in report.outcomes if outcome.resumptions}
    outcomes = [outcome for outcome in report.outcomes if outcome.scenario in killed]
    starts = [resumption.start for outcome in outcomes for resumption in outcome.resumptions]
    same = all(outcome.status in ("same", "skipped") for outcome in outcomes)
    return _GO_ON if starts and not any(starts) and same else ""


def page(cause: str) -> str:
    """Return the page of the documentation about a cause; empty if there is none."""
    return f"causes/{cause}.md" if any(known.name == cause for known in all_causes()) else ""


def headline(report: Report) -> tuple[Status, str]:
    """Return the verdict on a script, and how many of the trials it is about."""
    made = [outcome for outcome in report.outcomes if outcome.status != "skipped"]
    alone = [outcome for outcome in made if not outcome.accepted]
    if not made:
        return "skipped", "nothing was tried"
    numbers = {status: sum(outcome.status == status for outcome in alone) for status in VERDICTS}
    if not alone:
        return "same", f"but for what is accepted: {len(made):,} trial{'s' * (len(made) > 1)}"
    status: Status = next(status for status in _WORST if numbers[status])
    all_of = f"all {len(made):,}" if numbers[status] == len(made) > 1 else f"{numbers[status]:,} of {len(made):,}"
    others = [f"{number:,} {VERDICTS[other]}" for other, number in numbers.items() if number and other != status]
    others += [f"{len(made) - len(alone):,} accepted"] if len(made) > len(alone) else []
    return status, "; ".join([f"{all_of} trial{'s' * (len(made) > 1)}", *others])


# The worst comes first; what depends on the environment alone is not said to be the same.
_WORST: tuple[Status, ...] = ("differs", "failed", "same", "environment")


def surroundings(environment: dict[str, Any]) -> dict[str, str]:
    """Return what a script was tried on, in names and values that are fit for a table."""
    found = {name: environment["packages"].get(name, "") for name in ("torch", "numpy", "samerun")}
    found["python"] = environment["python"]["version"]
    found["CPU"] = environment["cpu"]["model"]
    found["GPU"] = ", ".join(_gpus(environment["gpu"])) or "none"
    found["threads"] = str(environment["threads"]["intra_op"])
    found["system"] = " ".join(environment["platform"][name] for name in ("system", "release", "machine"))
    if commit := environment["git"]["commit"]:
        found["commit"] = commit[:_COMMIT] + " with changes" * bool(environment["git"]["dirty"])
    return {name: value for name, value in found.items() if value}


def _gpus(gpu: dict[str, Any]) -> list[str]:
    # The name is what nvidia-smi says before driver and capability.
    names = [str(device).partition(",")[0] for device in gpu.get("devices", {}).values()]
    return names or (["Apple, by MPS"] if "mps" in gpu else [])
