"""The verdict on a training script: it is run again under other conditions, killed, resumed and compared."""

from samerun.verify.conditions import Conditions
from samerun.verify.conduct import verify
from samerun.verify.outcome import Outcome, Report
from samerun.verify.reference import Reference
from samerun.verify.scenario import NotApplicable, Scenario
from samerun.verify.scenarios.registry import all_scenarios, choose
from samerun.verify.script import Script
from samerun.verify.trial import Death, Trial

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
