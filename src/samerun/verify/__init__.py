"""The verdict on a training script: it is run again under other conditions, killed, resumed and compared.

Public names are loaded at first use: this package is imported in each process of the script before its first line, and
must not load torch there before the script does.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samerun.verify.conditions import Conditions as Conditions
    from samerun.verify.conduct import verify as verify
    from samerun.verify.outcome import Outcome as Outcome
    from samerun.verify.outcome import Report as Report
    from samerun.verify.reference import Reference as Reference
    from samerun.verify.scenario import NotApplicable as NotApplicable
    from samerun.verify.scenario import Scenario as Scenario
    from samerun.verify.scenarios.registry import all_scenarios as all_scenarios
    from samerun.verify.scenarios.registry import choose as choose
    from samerun.verify.script import Script as Script
    from samerun.verify.trial import Death as Death
    from samerun.verify.trial import Trial as Trial

# What a name is loaded from, in this package; the imports above say the same to type checkers.
_HOMES = {
    "Conditions": "conditions",
    "Death": "trial",
    "NotApplicable": "scenario",
    "Outcome": "outcome",
    "Reference": "reference",
    "Report": "outcome",
    "Scenario": "scenario",
    "Script": "script",
    "Trial": "trial",
    "all_scenarios": "scenarios.registry",
    "choose": "scenarios.registry",
    "verify": "conduct",
}

__all__ = [
    "Conditions",
    "Death",
    "NotApplicable",
    "Outcome",
    "Reference",
    "Report",
    "Scenario",
    "Script",
    "Trial",
    "all_scenarios",
    "choose",
    "verify",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
