"""The lab: every claim about seeds and states as an experiment, with figures, a plot and a computed conclusion.

>>> from samerun.lab import find_experiment
>>> find_experiment("generator-states").number
1
"""

from samerun.lab.catalogue import all_experiments, find_experiment
from samerun.lab.experiment import Claim, Experiment, Figures, Mark, Outcome, Plot, Table
from samerun.lab.text import Text

__all__ = [
    "Claim",
    "Experiment",
    "Figures",
    "Mark",
    "Outcome",
    "Plot",
    "Table",
    "Text",
    "all_experiments",
    "find_experiment",
]
